import type { GraphQLParams, Plugin } from 'graphql-yoga'
import { schema } from '../../schema/index.ts'
import type { Gate } from '../access/gate.ts'
import type { Upload, UploadStore } from '../upload-store.ts'
import type { ServerContext } from './server-context.ts'
import { demandRights } from './upload-rights.ts'

/**
 * Yoga's own parser of multipart requests holds all files in memory; here they go through the store, on disk, until the
 * operation is executed: whether its client is still there or not, no resolver finds its files gone.
 */
export function uploadsPlugin(
  uploads: UploadStore,
  gate: Pick<Gate, 'viewerOf' | 'quotaOf'>,
): Plugin<object, ServerContext> {
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
      const { req } = serverContext
      setRequestParser(async () => {
        const upload = await uploads.receive(req, {
          admit: (operations) => demandRights(schema, operations, gate.viewerOf(req)),
          spend: (bytes) => gate.quotaOf(req)?.upload(bytes),
        })
        received.set(request, upload)
        return upload.operations as GraphQLParams
      })
    },
  }
}

export function isMultipart(method: string | undefined, contentType: string | null | undefined): boolean {
  return method === 'POST' && contentType?.toLowerCase().startsWith('multipart/form-data') === true
}
