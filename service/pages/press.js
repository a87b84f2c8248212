// What has to wait while a button of the mouse is down: what is moved away from under the pointer is not clicked.

let pressed = false;
let waiting = [];

document.addEventListener('mousedown', (event) => { pressed = event.button === 0; }, true);
// Not every press ends in a release that the page is told of: after a drag, a menu or a key nothing waits any more.
for (const name of ['mouseup', 'dragend', 'contextmenu', 'keydown']) document.addEventListener(name, release, true);

/** Act now, or once the button that is down is up and what it clicked has been done. */
export function afterPress(act) {
  if (pressed) waiting.push(act);
  else act();
}

function release() {
  pressed = false;
  for (const act of waiting.splice(0)) setTimeout(act);
}
