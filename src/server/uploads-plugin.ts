import type { IncomingMessage, ServerResponse } from 'node:http'
import type { GraphQLParams, Plugin } from 'graphql-yoga'
import type { UploadStore } from './upload-store.ts'

/** Yoga's own parser of multipart requests holds all files in memory; here they go through the store, on disk. */
export function uploadsPlugin(uploads: UploadStore): Plugin {
  return {
    onRequestParse({ request, serverContext, setRequestParser }) {
      if (!isMultipart(request.method, request.headers.get('content-type'))) return
      const { req, res } = serverContext as unknown as { req: IncomingMessage; res: ServerResponse }
      setRequestParser(async () => {
        const { operations, release } = await uploads.receive(req)
        // Answered or not, when the connection has no more use for the response nobody asks for the files.
        if (res.closed) await release()
        else res.once('close', () => void release())
        return operations as GraphQLParams
      })
    },
  }
}

export function isMultipart(method: string | undefined, contentType: string | null | undefined): boolean {
  return method === 'POST' && contentType?.toLowerCase().startsWith('multipart/form-data') === true
}
