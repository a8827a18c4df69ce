// Calls the service. A problem (RFC 9457) becomes an error whose message has every field and its fix.
export class Problem extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

// Makes the error of an answer that is a refusal.
export const problemOf = (answer, body) => new Problem(
  body?.errors?.map((each) => `${each.field}: ${each.message} ${each.fix}`).join('\n') ?? body?.detail
    ?? `${answer.status} ${answer.statusText}`, body?.code);

export const call = async (path, options = {}) => {
  const answer = await fetch(path, {
    ...options, headers: { Accept: 'application/json', ...(options.body ? { 'Content-Type': 'application/json' } : {}) },
  });
  const text = await answer.text();
  const body = text && /json/.test(answer.headers.get('Content-Type') ?? '') ? JSON.parse(text) : null;
  if (answer.status === 401) {
    // The session has ended: the service shows its sign-in page.
    location.reload();
  }

  if (!answer.ok) {
    throw problemOf(answer, body);
  }

  return { body, next: answer.headers.get('Link')?.match(/<([^>]+)>;\s*rel="next"/)?.[1] ?? null };
};

export const get = async (path) => (await call(path)).body;

export const post = async (path, body) => (await call(path, { method: 'POST', body })).body;

export const remove = async (path) => (await call(path, { method: 'DELETE' })).body;
