// The board: what the service says of a period, with what all its sections need worked out once.

import { placeMarks } from './dashboard_marks.js';
import { dayAndHour, knownZone, sum } from './dashboard_words.js';

/** Return the board of an answer of `dashboard.json`. */
export function boardOf(data) {
  const zone = knownZone(data.zone);
  const { approve, refer, decline, refused } = data.volume;
  const decided = data.days.map((_, at) => sum([approve[at], refer[at], decline[at]]));
  return {
    ...data,
    zone,
    today: dayAndHour(data.as_of, zone)?.[0] ?? data.days.at(-1),
    axis: { dates: data.days, marks: placeMarks(data.marks, data.days, zone) },
    decided,
    decisions: sum(decided),
    refusals: sum(refused),
    open: data.incidents.filter((incident) => !incident.recovered_at),
  };
}

/** Return how far an index of drift has gone: ok, warn, alarm, or few where there is none. */
export function levelOf(value, { warn, alarm }) {
  if (!Number.isFinite(value)) return 'few';
  if (value >= alarm) return 'alarm';
  return value >= warn ? 'warn' : 'ok';
}
