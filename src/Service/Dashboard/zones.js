import { get, Problem, remove } from './api.js';
import { el, replace, table } from './dom.js';
import { t, time } from './text.js';

export const zones = (main, connected) => {
  const list = el('section');
  let timer;
  let isLeft = false;

  const look = async () => {
    clearTimeout(timer);
    try {
      const found = await get('/zones');
      if (isLeft) {
        return;
      }

      connected(true);
      replace(list, found.length === 0 ? el('p', {}, t('noZones')) : [
        table([{ text: t('zone'), class: 'tight' }, { text: t('type'), class: 'tight optional' },
          { text: t('until'), class: 'tight' }, { text: t('words'), class: 'long' }, t('forget')], found.map((each) => [
          each.place, `${each.acceleratorType} ${each.provisioning}`, time(each.until),
          el('td', { class: 'long' }, el('strong', {}, each.code), ` ${each.reason}`),
          el('button', { type: 'button', id: `forget-${each.project}-${each.place}`, 'aria-label': `${t('forget')}: ${each.place}`,
            onclick: () => forget(`/zones/${encodeURIComponent(each.place)}`) }, t('forget')),
        ])),
        el('p', {}, el('button', { type: 'button', id: 'forget-all', onclick: () => forget('/zones') }, t('forgetAll')))]);
    } catch (fault) {
      connected(fault instanceof Problem);
    }

    if (!isLeft) {
      timer = setTimeout(look, 5000);
    }
  };

  const forget = async (path) => {
    try {
      await remove(path);
    } catch (fault) {
      // Another one forgot it first, or it has expired.
      connected(fault instanceof Problem);
    }

    await look();
  };

  replace(main, el('h1', {}, t('zones')), el('p', { class: 'soft' }, t('zonesWhy')), list);
  look();
  return () => { isLeft = true; clearTimeout(timer); };
};
