/** `import ... from 'vggzoo/client'`: a client of a vggzoo server, for browsers; in Node node.ts stands here. */
export {
  type Client,
  type ClientOptions,
  createClient,
  type FollowOptions,
  type MutateOptions,
  type RequestOptions,
  type Stream,
  type SubscribeOptions,
  type Token,
} from './client.ts'
export type { Document, ResultOf, VariablesOf } from './document.ts'
export type { RunEvent, RunLogLine } from './documents.ts'
export {
  ClientError,
  DisposedError,
  type GraphQLErrorLike,
  OperationError,
  TransportError,
} from './errors.ts'
export type { Headers } from './http.ts'
export { newIdempotencyKey } from './idempotency.ts'
export type { Connection } from './socket.ts'
export type { OnProgress, UploadProgress } from './upload.ts'
