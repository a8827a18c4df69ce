import { el } from './dom.js';
import { number, t } from './text.js';

const [width, height, left, bottom] = [720, 220, 52, 26];

// Draws the loss over the steps; a dashed line marks each step at which training went on after a loss of the TPU.
export const lossChart = (points, recoveries) => {
  const shown = points.filter((point) => Number.isFinite(point.loss));
  if (shown.length === 0) {
    return el('p', { class: 'soft' }, t('noCurve'));
  }

  const last = shown[shown.length - 1];
  const [most, least] = [Math.max(...shown.map((point) => point.loss)), Math.min(...shown.map((point) => point.loss))];
  const range = most - least || 1;
  const x = (step) => left + ((step / Math.max(1, last.steps)) * (width - left - 10));
  const y = (loss) => 10 + (((most - loss) / range) * (height - bottom - 20));
  const words = `${t('loss')}: ${number(shown[0].loss, 3)} → ${number(last.loss, 3)}, `
    + `${t('step')} ${number(last.step)} ${t('of')} ${number(last.steps)}`
    + recoveries.map((step) => `, ${t('wentOn')}: ${t('step')} ${number(step)}`).join('');
  return el('svg', { viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': words },
    el('title', {}, words),
    [most, least + (range / 2), least].map((loss) => [
      el('line', { class: 'grid', x1: left, x2: width - 10, y1: y(loss), y2: y(loss) }),
      el('text', { x: 4, y: y(loss) + 4 }, number(loss, 2))]),
    [0, last.steps / 2, last.steps].map((step) =>
      el('text', { x: x(step), y: height - 6, 'text-anchor': step === 0 ? 'start' : step === last.steps ? 'end' : 'middle' },
        number(step))),
    recoveries.map((step) => [
      el('line', { class: 'loss', x1: x(step), x2: x(step), y1: 10, y2: height - bottom }),
      el('text', { x: x(step), y: 22, dx: x(step) > width * 0.8 ? -5 : 5, 'text-anchor': x(step) > width * 0.8 ? 'end' : 'start' },
        t('wentOn'))]),
    el('polyline', { points: shown.map((point) => `${x(point.step).toFixed(1)},${y(point.loss).toFixed(1)}`).join(' ') }));
};
