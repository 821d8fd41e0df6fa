// Requests to the studio. Paths, parameters and answers are typed by the server's own OpenAPI schema (`npm run types`).

import type { components, paths } from './schema';

export type Schemas = components['schemas'];

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P] extends Record<M, { responses: unknown }> ? P : never;
}[keyof paths];
type Operation<P extends keyof paths, M extends Method> = paths[P] extends Record<M, infer O> ? O : never;
type Success<R> = R extends { 200: { content: { 'application/json': infer T } } }
  ? T
  : R extends { 201: { content: { 'application/json': infer T } } }
    ? T
    : R extends { 202: { content: { 'application/json': infer T } } }
      ? T
      : void;
export type Answer<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { responses: infer R } ? Success<R> : never;
type Body<P extends keyof paths, M extends Method> =
  Operation<P, M> extends { requestBody: { content: { 'application/json': infer B } } } ? B : undefined;

type Value = string | number | boolean | null | undefined;
export interface Options {
  path?: Record<string, string | number>;
  query?: Record<string, Value | readonly Value[]>;
  signal?: AbortSignal;
}

/** The studio said no, in one sentence. */
export class Refused extends Error {
  constructor(
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

/** The address of a request: `{name}`s filled in, the query added. */
export function urlOf(path: string, options: Options = {}): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(String(options.path?.[name] ?? '')),
  );
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options.query ?? {})) {
    for (const each of Array.isArray(value) ? value : [value as Value]) {
      if (each !== null && each !== undefined) query.append(name, String(each));
    }
  }
  const text = query.toString();
  return `.${filled}${text ? `?${text}` : ''}`;
}

/** The address of a WebSocket of the studio. */
export function socketUrl(path: string, options: Options = {}): string {
  const url = new URL(urlOf(path, options), location.href);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  return url.href;
}

const underWay = new Set<Promise<unknown>>();

/** Wait until all that was asked has been answered, and what was asked upon these answers too. */
export async function allAnswered(): Promise<void> {
  while (underWay.size) {
    await Promise.allSettled([...underWay]);
    await new Promise((resolve) => setTimeout(resolve));
  }
}

function request(...what: Parameters<typeof answerTo>): Promise<unknown> {
  const answer = answerTo(...what);
  underWay.add(answer);
  const forget = () => underWay.delete(answer);
  answer.then(forget, forget);
  return answer;
}

async function answerTo(
  method: string,
  path: string,
  options: Options,
  body?: BodyInit,
  kind?: string,
): Promise<unknown> {
  let response: Response;
  try {
    response = await fetch(urlOf(path, options), {
      method,
      signal: options.signal,
      body,
      headers: kind ? { 'Content-Type': kind } : undefined,
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refused('The studio does not answer; is it still running?', 0);
  }
  if (response.status === 204) return undefined;
  const answer: unknown = await response.json().catch(() => null);
  if (response.ok) return answer;
  const reason = (answer as { error?: string } | null)?.error ?? `the studio answered with status ${response.status}.`;
  throw new Refused(reason[0]!.toUpperCase() + reason.slice(1), response.status);
}

export const api = {
  get: <P extends PathsWith<'get'>>(path: P, options: Options = {}) =>
    request('GET', path, options) as Promise<Answer<P, 'get'>>,
  post: <P extends PathsWith<'post'>>(path: P, body: Body<P, 'post'>, options: Options = {}) =>
    request('POST', path, options, JSON.stringify(body ?? null), 'application/json') as Promise<Answer<P, 'post'>>,
  put: <P extends PathsWith<'put'>>(path: P, body: Body<P, 'put'>, options: Options = {}) =>
    request('PUT', path, options, JSON.stringify(body ?? null), 'application/json') as Promise<Answer<P, 'put'>>,
  patch: <P extends PathsWith<'patch'>>(path: P, body: Body<P, 'patch'>, options: Options = {}) =>
    request('PATCH', path, options, JSON.stringify(body ?? null), 'application/json') as Promise<Answer<P, 'patch'>>,
  delete: <P extends PathsWith<'delete'>>(path: P, options: Options = {}) =>
    request('DELETE', path, options) as Promise<Answer<P, 'delete'>>,
  /** Send a file as it is. */
  upload: <P extends keyof paths, M extends 'post' | 'put'>(method: M, path: P, file: Blob, options: Options = {}) =>
    request(method.toUpperCase(), path, options, file, 'application/octet-stream') as Promise<Answer<P, M>>,
};

const ARRAYS = {
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int32: Int32Array,
  float32: Float32Array,
  float64: Float64Array,
} as const;
export type Numbers = InstanceType<(typeof ARRAYS)[keyof typeof ARRAYS]>;

/** An array as the server encodes it → typed array, in C order. */
export function decodeArray(encoded: { shape: number[]; dtype: string; data: string }): {
  shape: number[];
  values: Numbers;
} {
  const make = ARRAYS[encoded.dtype as keyof typeof ARRAYS];
  if (!make) throw new Error(`arrays of ${encoded.dtype} are not known here`);
  const bytes = Uint8Array.from(atob(encoded.data), (character) => character.charCodeAt(0));
  return { shape: encoded.shape, values: new make(bytes.buffer) };
}
