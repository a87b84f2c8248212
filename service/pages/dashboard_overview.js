// The period in six figures.

import { levelOf } from './dashboard_board.js';
import { drawLevel } from './dashboard_drift.js';
import { drawTiles } from './dashboard_traffic.js';
import { count, index, part, share, sum } from './dashboard_words.js';

/** Return the section. */
export function drawOverview(board) {
  const { volume, decisions, refusals, score, thresholds, columns, outcomes, open } = board;
  const of = (status) => columns.filter((column) => column.status === status).length;
  const told = sum(outcomes.cohorts.map((cohort) => cohort.told));
  const bad = sum(outcomes.cohorts.map((cohort) => cohort.bad));
  const critical = open.filter(({ severity }) => severity === 'critical').length;
  const level = levelOf(score.window_psi, thresholds);
  return [drawTiles([
    ['Decisions', count(decisions), refusals ? `${count(refusals)} refused` : 'none refused'],
    ['Approved', share(part(sum(volume.approve), decisions)), `${share(part(sum(volume.decline), decisions))} declined`],
    ['PSI of the score', level === 'few' ? '–' : index(score.window_psi), drawLevel(level)],
    ['Columns that drifted', `${of('alarm')} of ${columns.length}`, `${of('warn')} moved, ${of('few')} too few`],
    ['Outcomes told', share(part(told, decisions)), told ? `${share(bad / told)} of them bad` : 'none yet'],
    ['Open incidents', count(open.length), critical ? `${critical} critical` : open.length ? 'none critical' : 'all quiet'],
  ])];
}
