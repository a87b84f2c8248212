// Questions to the service, and what may go wrong with them.

import { language } from './texts.js';

const SECONDS = 20;

/** A wish that was not answered: status 0 for no answer at all, `errors` per field where it is about fields. */
export class Trouble extends Error {
  constructor(status, problem = {}, retryAfter = null) {
    super(problem.detail ?? '');
    this.status = status;
    this.errors = problem.errors ?? [];
    this.requestId = problem.request_id ?? null;
    this.retryAfter = retryAfter;
  }
}

/** Return what a path answers. Throws `Trouble`. */
export function read(path) {
  return answer(path, { headers: { accept: 'application/json' } });
}

/** Post a record and return the answer, in the language of the page. Throws `Trouble`. */
export function send(path, record, key = null) {
  const headers = { 'content-type': 'application/json', accept: 'application/json', 'accept-language': language() };
  if (key) headers['idempotency-key'] = key;
  return answer(path, { method: 'POST', headers, body: JSON.stringify(record) });
}

/** Return a new name for one wish, so that asking again after a broken connection decides only once. */
export function newKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
}

async function answer(path, options) {
  let response;
  let body;
  try {
    response = await fetch(path, { ...options, signal: AbortSignal.timeout(SECONDS * 1000) });
    body = await response.text();
  } catch {
    throw new Trouble(0);
  }
  const parsed = parse(body);
  if (response.ok && parsed !== null) return parsed;
  throw new Trouble(response.status, parsed ?? {}, response.headers.get('retry-after'));
}

function parse(body) {
  try {
    return JSON.parse(body);
  } catch {
    return null;
  }
}
