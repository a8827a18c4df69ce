import { call, get, Problem } from './api.js';
import { el, numbers, replace, sayFault, table } from './dom.js';
import { may } from './session.js';
import { number, t, time, usd } from './text.js';

const statuses = ['pending', 'running', 'suspended', 'succeeded', 'failed', 'stopped', 'cancelled', 'terminated'];

export const badge = (status) => el('span', { class: `badge ${status}` }, t(`status.${status}`));

export const runs = (main, connected) => {
  const filter = { status: '', name: '', place: '' };
  const list = el('section', { 'aria-live': 'off' });
  const money = el('section');
  let timer;
  let isLeft = false;

  const look = async () => {
    clearTimeout(timer);
    try {
      const query = filter.place || `/runs?limit=50${filter.status && `&status=${filter.status}`}`
        + `${filter.name && `&name=${encodeURIComponent(filter.name)}`}`;
      const [{ body, next }, spending] = await Promise.all([call(query), get('/spending').catch(() => null)]);
      if (isLeft) {
        return;
      }

      connected(true);
      replace(list, rows(body, next));
      replace(money, spending ? numbers([
        [t('today'), usd(spending.day.spentUsd), limitOf(spending.day)],
        [t('month'), usd(spending.month.spentUsd), limitOf(spending.month)],
        [t('reserved'), usd(spending.day.reservedUsd)]]) : null);
    } catch (fault) {
      if (fault instanceof Problem) {
        const answer = el('p', { role: 'alert' });
        sayFault(answer, fault);
        replace(list, answer);
      } else {
        connected(false);
      }
    }

    if (!isLeft) {
      timer = setTimeout(look, 3000);
    }
  };

  const rows = (found, next) => [
    found.length === 0
      ? el('p', {}, t(filter.status || filter.name ? 'noneFound' : 'noRuns'), ' ',
        may('runner') ? el('a', { href: '#/start' }, t('start')) : null)
      : table(
        [t('name'), t('status'), t('stage'), { text: t('started'), class: 'tight optional' },
          { text: t('attempts'), class: 'n optional' }, { text: t('cost'), class: 'n' }],
        found.map((each) => [
          el('td', { class: 'name' }, el('a', { href: `#/runs/${each.id}`, id: `run-${each.id}` }, each.name || each.id)),
          badge(each.status), stageOf(each), time(each.createdAt), number(each.attempts),
          `${usd(each.accruedUsd)} ${t('of')} ${usd(each.budgetUsd)}`,
        ])),
    el('div', { class: 'bar' },
      filter.place ? el('button', { type: 'button', id: 'newest', onclick: () => { filter.place = ''; look(); } }, t('newest')) : null,
      next ? el('button', { type: 'button', id: 'older', onclick: () => { filter.place = next; look(); } }, t('older')) : null),
  ];

  const change = (name) => (event) => {
    filter[name] = event.target.value;
    filter.place = '';
    look();
  };
  replace(main, el('h1', {}, t('runs')), el('form', { class: 'bar', onsubmit: (event) => event.preventDefault() },
    el('label', {}, t('status'), el('select', { onchange: change('status') }, el('option', { value: '' }, t('any')),
      statuses.map((each) => el('option', { value: each }, t(`status.${each}`))))),
    el('label', {}, t('search'), el('input', { type: 'search', oninput: change('name') }))), el('p', {}), list, money);
  look();
  return () => { isLeft = true; clearTimeout(timer); };
};

const limitOf = (window) => window.limitUsd == null ? null : `${t('limit')} ${usd(window.limitUsd)}`;

const stageOf = (each) => each.progress
  ? `${t(`stage.${each.stage}`)} ${number(each.progress.step)}/${number(each.progress.steps)}`
  : t(`stage.${each.stage}`);
