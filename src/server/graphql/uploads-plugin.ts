import type { IncomingMessage } from 'node:http'
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import type { Context } from '../../schema/builder/context.ts'
import { schema } from '../../schema/index.ts'
import type { Gate } from '../access/gate.ts'
import type { LargeBodies } from '../body.ts'
import type { ClientAddress } from '../client-address.ts'
import { requestIdOf } from '../request-id.ts'
import type { Upload, UploadStore } from '../upload-store.ts'
import { answered } from './answered.ts'
import { noteOperation } from './request-id-plugin.ts'
import type { ServerContext } from './server-context.ts'
import { demandRights } from './upload-rights.ts'

/**
 * Yoga's own parser of multipart requests holds all files in memory; here they go through the store, on disk, until the
 * operation is executed: whether its client is still there or not, no resolver finds its files gone.
 */
export function uploadsPlugin(
  uploads: UploadStore,
  {
    gate,
    contextOf,
    addressOf,
    largeBodies,
  }: {
    gate: Pick<Gate, 'quotaOf'>
    contextOf(request: IncomingMessage): Context
    addressOf: ClientAddress
    largeBodies: LargeBodies
  },
): Plugin<object, ServerContext> {
  /** Receives the files of what its viewer may ask for. What is refused is told as it would be without files. */
  async function receive(req: IncomingMessage, request: Request): Promise<Upload> {
    const { audit, viewer } = contextOf(req)
    let told: Promise<void> | undefined
    try {
      return await uploads.receive(req, {
        admit: (operations) =>
          demandRights(schema, operations, viewer, (action) => {
            const origin = { requestId: requestIdOf(req), address: addressOf(req) }
            told = audit.record({ action, viewer, origin, outcome: 'REFUSED', error: 'FORBIDDEN' })
          }),
        spend: (bytes) => gate.quotaOf(req)?.upload(bytes),
        hold: (bytes) => largeBodies.admit(bytes, answered(request)),
      })
    } catch (error) {
      noteOperation(error, { req })
      await told
      throw error
    }
  }

  const received = new WeakMap<Request, Upload>()
  return {
    instrumentation: {
      async request({ request }, handle) {
        try {
          await handle()
        } finally {
          await received.get(request)?.release()
        }
      },
    },
    onRequestParse({ request, serverContext, setRequestParser }) {
      if (!isMultipart(request.method, request.headers.get('content-type'))) return
      setRequestParser(async () => {
        const upload = await receive(serverContext.req, request)
        received.set(request, upload)
        return upload.operations as GraphQLParams
      })
    },
  }
}

export function isMultipart(method: string | undefined, contentType: string | null | undefined): boolean {
  return method === 'POST' && contentType?.toLowerCase().startsWith('multipart/form-data') === true
}
