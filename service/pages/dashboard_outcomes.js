// What became of the decisions: how many outcomes were told, and, of weeks that have matured, whether the probabilities held.

import { make } from './elements.js';
import { drawDays, drawLegend, drawMissing } from './dashboard_days.js';
import { placeMarks } from './dashboard_marks.js';
import { drawBars, drawLine } from './dashboard_plot.js';
import { drawPerformance } from './dashboard_performance.js';
import { drawReliability } from './dashboard_reliability.js';
import { drawFigures } from './dashboard_table.js';
import { compact, count, day, figure, known, part, sentence, share, sum, things } from './dashboard_words.js';

/** Return the section. */
export function drawOutcomes(board) {
  const { cohorts, reliability, maturity_days: maturity } = board.outcomes;
  if (!toldOf(cohorts)) return [make('p', { class: 'lead' }, 'No outcome has been told for the decisions of this period yet, so how right they were cannot be said.'),
    make('p', { class: 'remark' }, 'Outcomes come in by ', make('code', {}, `aval outcomes ${board.use_case} FILE`), ' or POST /outcomes.')];
  const weeks = cohorts.map((cohort) => cohort.week);
  const axis = { dates: weeks, marks: placeMarks(board.marks, weeks, board.zone, 7) };
  const open = openWords(maturity);
  return [
    make('p', { class: 'lead' }, summary(cohorts)),
    waiting(board),
    make('p', { class: 'remark' }, 'Whose decision was to decline seldom has an outcome: figures are of those whose outcome is known.'),
    make('div', { class: 'pair' }, coverage(cohorts, axis), rates(cohorts, axis, open),
      ...drawReliability(reliability, missing(cohorts, open)), ranking(cohorts, axis, open)),
    table(cohorts, open),
    ...drawPerformance(board),
  ].filter(Boolean);
}

function summary(cohorts) {
  const matured = cohorts.filter((cohort) => cohort.matured);
  const [decisions, told, ripe] = [sum(cohorts.map((cohort) => cohort.decisions)), toldOf(cohorts), toldOf(matured)];
  const [bad, expected] = ['bad', 'expected_bad'].map((name) => sum(matured.map((cohort) => cohort[name])));
  return `Of ${things(decisions, 'decision')}, ${count(told)} (${share(part(told, decisions))}) have a told outcome.${ripe
    ? ` Of the ${count(ripe)} of matured weeks ${count(bad)} (${share(part(bad, ripe))}) turned out bad; their probabilities expected ${
      count(expected)} (${share(part(expected, ripe))}).` : ''}`;
}

/** What goes wrong early is told first: before a week has matured, its outcomes say nothing that could be judged. */
function waiting({ outcomes: { cohorts, maturity_days: maturity }, use_case: useCase }) {
  const open = cohorts.filter((cohort) => !cohort.matured).length;
  if (!known(maturity)) {
    return make('p', { class: 'remark' }, 'How long an outcome takes to mature is not known here: no look has said it yet. Run ',
      make('code', {}, `aval drift ${useCase}`), '; until then shares of bad, calibration, Brier and AUC are left out.');
  }
  return open ? make('p', { class: 'remark' }, `${open} of ${things(cohorts.length, 'week')} ${open === 1 ? 'has' : 'have'} not matured yet: ${things(maturity, 'day')} ${
    maturity === 1 ? 'is' : 'are'} given to an outcome. What goes wrong early is told first, so shares of bad, Brier and AUC are left out for ${
    open === 1 ? 'that week' : 'those weeks'}; calibration is of matured days alone.`) : null;
}

/** Why a week is not judged. */
function openWords(maturity) {
  return known(maturity) ? `not matured yet: ${things(maturity, 'day')}` : 'not known to have matured';
}

function coverage(cohorts, axis) {
  return drawDays({
    label: 'Outcomes told, by week of the decision', axis, most: Math.max(...cohorts.map((cohort) => cohort.decisions)), format: compact,
    whole: true, legend: drawLegend([['plain', 'told'], ['faint', 'not yet']]),
    paint: (plot) => [
      drawBars(plot, cohorts.map((cohort, at) => [at + 0.1, at + 0.9, cohort.told, cohort.decisions]), { class: 'bar faint' }),
      drawBars(plot, cohorts.map((cohort, at) => [at + 0.1, at + 0.9, 0, cohort.told]), { class: 'bar plain' })],
    read: (at) => `${week(cohorts[at])}: ${count(cohorts[at].told)} told of ${things(cohorts[at].decisions, 'decision')}, ${
      share(part(cohorts[at].told, cohorts[at].decisions))}`,
  });
}

function rates(cohorts, axis, open) {
  const label = 'Bad among told outcomes of matured weeks';
  const [seen, expected] = ['bad', 'expected_bad'].map((name) => cohorts.map((cohort) => (cohort.matured ? part(cohort[name], cohort.told) : null)));
  if (!seen.some(known)) return drawMissing(label, missing(cohorts, open));
  return drawDays({
    label, axis, most: Math.max(0.01, ...seen.filter(known), ...expected.filter(known)),
    format: (value) => share(value).replace('.0%', '%'), legend: drawLegend([['line-plain', 'seen'], ['line-second', 'expected']]),
    paint: (plot) => [drawLine(plot, expected, 'second'), drawLine(plot, seen, 'plain')],
    read: (at) => `${week(cohorts[at])}: ${!cohorts[at].matured ? open
      : known(seen[at]) ? `${share(seen[at])} bad, ${share(expected[at])} expected` : 'no outcome told'}`,
  });
}

function ranking(cohorts, axis, open) {
  const [auc, brier] = ['auc', 'brier'].map((name) => cohorts.map((cohort) => (cohort.matured ? cohort[name] : null)));
  if (!auc.some(known) && !brier.some(known)) return null;
  return drawDays({
    label: 'Quality of told outcomes of matured weeks', axis, most: 1, format: figure,
    legend: drawLegend([['line-plain', 'AUC, higher is better'], ['line-second', 'Brier, lower is better']]),
    paint: (plot) => [drawLine(plot, brier, 'second'), drawLine(plot, auc, 'plain')],
    read: (at) => `${week(cohorts[at])}: ${cohorts[at].matured ? `AUC ${enough(auc[at])}, Brier ${enough(brier[at])}` : open}`,
  });
}

function table(cohorts, open) {
  const heads = ['Week of the decision', 'Decisions', 'Told', 'Share told', 'Bad', 'Expected bad', 'Brier', 'AUC'];
  return drawFigures('cohorts', 'Outcomes by week', heads, () => cohorts.map((cohort) => [
    day(cohort.week), count(cohort.decisions), count(cohort.told), share(part(cohort.told, cohort.decisions)),
    ...(cohort.matured ? [count(cohort.bad), figure(cohort.expected_bad), enough(cohort.brier), enough(cohort.auc)] : Array(4).fill(open))]));
}

function missing(cohorts, open) {
  return cohorts.some((cohort) => cohort.matured) ? 'Too few outcomes of matured weeks have been told.' : sentence(open);
}

function enough(value) {
  return known(value) ? figure(value) : 'too few';
}

function toldOf(cohorts) {
  return sum(cohorts.map((cohort) => cohort.told));
}

function week(cohort) {
  return `Week of ${day(cohort.week)}`;
}
