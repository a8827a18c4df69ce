import { remove } from './api.js';
import { language, setLanguage, t } from './text.js';
import { el, replace } from './dom.js';
import { runs } from './runs.js';
import { run } from './run.js';
import { learn, may, session } from './session.js';
import { start } from './start.js';
import { zones } from './zones.js';

const main = document.getElementById('main');
const link = document.getElementById('link');
let leave = () => {};

// Tells that the service does not answer, and stops telling it when it does.
export const connected = (isThere) => {
  link.hidden = isThere;
  // Told once: a status that is written again is read again.
  if (isThere || link.textContent === '') {
    link.textContent = isThere ? '' : t('lost');
  }
};

const pages = [[/^#?\/?$/, runs, '#/', 'runs'], [/^#\/runs\/([^/]+)$/, run, '#/', 'run'],
  [/^#\/start$/, start, '#/start', 'start'], [/^#\/zones$/, zones, '#/zones', 'zones']];

const show = (isNavigation) => {
  leave();
  leave = () => {};
  document.documentElement.lang = language;
  document.querySelectorAll('[data-text]').forEach((each) => { each.textContent = t(each.dataset.text); });
  document.querySelectorAll('[data-label]').forEach((each) => each.setAttribute('aria-label', t(each.dataset.label)));
  document.querySelectorAll('[data-role]').forEach((each) => { each.hidden = !may(each.dataset.role); });
  const button = document.getElementById('language');
  button.textContent = t('language');
  button.lang = language === 'ko' ? 'en' : 'ko';
  const hash = location.hash;
  const page = pages.find(([pattern]) => pattern.test(hash));
  document.querySelectorAll('nav a').forEach((each) =>
    each.getAttribute('href') === page?.[2] ? each.setAttribute('aria-current', 'page') : each.removeAttribute('aria-current'));
  document.title = page ? `${t(page[3])} · Workflows` : 'Workflows';
  if (!page) {
    replace(main, el('p', {}, t('unknown')));
    return;
  }

  replace(main, el('p', { class: 'soft' }, t('working')));
  leave = page[1](main, connected, ...(hash.match(page[0]) ?? []).slice(1).map(decodeURIComponent)) ?? leave;
  if (isNavigation) {
    main.focus();
  }
};

document.getElementById('language').addEventListener('click', () => {
  setLanguage(language === 'ko' ? 'en' : 'ko');
  show(false);
});
window.addEventListener('hashchange', () => show(true));

// Without authentication there is no session, and nothing to sign out of.
const enter = async () => {
  try {
    await learn();
    const button = document.getElementById('leave');
    button.hidden = !session.expiresAt;
    button.title = session.name;
    button.onclick = () => remove('/session').finally(() => location.replace('/'));
  } catch {
    // The service does not answer now. The page shows what its role may do once it has told it.
    connected(false);
    setTimeout(enter, 3000);
  }

  show(false);
};
enter();
