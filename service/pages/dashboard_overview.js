// The period in six figures.

import { drawTiles } from './dashboard_traffic.js';
import { count, index, known, part, share, sum } from './dashboard_words.js';

/** Return the section. */
export function drawOverview(board) {
  const { volume, decisions, refusals, score, columns, outcomes, open } = board;
  const of = (status) => columns.filter((column) => column.status === status).length;
  const critical = open.filter(({ severity }) => severity === 'critical').length;
  return [drawTiles([
    ['Decisions', count(decisions), refusals ? `${count(refusals)} refused` : 'none refused'],
    ['Approved', share(part(sum(volume.approve), decisions)), `${share(part(sum(volume.decline), decisions))} declined`],
    ['PSI of the score', known(score.window_psi) ? index(score.window_psi) : '–', known(score.window_psi) ? 'told, not judged' : 'too few decisions'],
    ['Columns that drifted', `${of('alarm')} of ${columns.length}`, `${of('warn')} moved, ${of('few')} too few`],
    ['Outcomes told', share(part(told(outcomes.cohorts), decisions)), bad(outcomes)],
    ['Open incidents', count(open.length), critical ? `${critical} critical` : open.length ? 'none critical' : 'all quiet'],
  ])];
}

/** The share of bad is one of matured weeks alone: what goes wrong early is told first. */
function bad({ cohorts, maturity_days: maturity }) {
  const matured = cohorts.filter((cohort) => cohort.matured);
  if (told(matured)) return `${share(part(sum(matured.map((cohort) => cohort.bad)), told(matured)))} bad in matured weeks`;
  if (!told(cohorts)) return 'none yet';
  return known(maturity) ? 'not matured yet' : 'maturity not known';
}

function told(cohorts) {
  return sum(cohorts.map((cohort) => cohort.told));
}
