import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Logger } from 'pino'
import { demandRole, type Viewer } from '../access/viewer.ts'
import type { AuditEvent, AuditLog, Origin } from '../audit/log.ts'
import { DatabaseError } from '../db/database-error.ts'
import { ConflictError, ForbiddenError, StoppingError, StorageFullError } from '../errors.ts'
import { BackupError } from '../maintenance/format.ts'
import type { Maintenance } from '../maintenance/service.ts'
import { codedError } from '../schema/builder/errors.ts'
import type { Gate } from './access/gate.ts'
import { type Handler, notAdmitted, text } from './answers.ts'
import type { OriginPolicy } from './origin.ts'
import type { Handlers } from './routes.ts'

/** The client has left: nobody is told anything any more. */
class LeftError extends Error {
  override readonly name = 'LeftError'
}

type Work = (signal: AbortSignal, response: ServerResponse) => Promise<void>

/**
 * Answers with a backup, a .tar; and with what a check finds: JSON on lines, a Finding on each and { checked } on the last,
 * which is missing where it came to no end.
 */
export function createMaintenanceHandlers({
  maintenance,
  audit,
  gate,
  policy,
  originOf,
  logger,
}: {
  maintenance: Maintenance
  audit: AuditLog
  gate: Gate
  policy: Pick<OriginPolicy, 'originAllowed'>
  originOf(request: IncomingMessage): Origin
  logger: Pick<Logger, 'info' | 'error'>
}): NonNullable<Handlers['maintenance']> {
  /** Of all that is for admins alone, in one place. */
  const operating =
    (what: string, work: Work): Handler =>
    (request, response) =>
      void answer(request, response, what, work)

  async function answer(
    request: IncomingMessage,
    response: ServerResponse,
    what: string,
    work: Work,
  ): Promise<void> {
    const origin = originOf(request)
    const { requestId } = origin
    let viewer: Viewer | undefined
    const tell = async (outcome: AuditEvent['outcome'], error?: string) => {
      if (viewer !== undefined) await audit.record({ action: what, viewer, origin, outcome, error })
    }
    const left = new AbortController()
    response.once('close', () => left.abort(new LeftError('The client has left.')))
    try {
      viewer = gate.admit(request, response)
      demandRole(viewer, 'ADMIN')
      if (request.method !== 'POST') {
        response.setHeader('allow', 'POST')
        return text(response, 405, `Only POST: vggzoo ${what} sends it.`)
      }
      // A browser says where the page is from that sends it; a program says nothing.
      if (!policy.originAllowed(request))
        return text(response, 403, 'Pages of other origins may not ask for this.')
      await work(left.signal, response)
      await tell('DONE')
    } catch (error) {
      if (left.signal.aborted) {
        logger.info({ requestId }, `a ${what} was left by its client`)
        return tell('FAILED', 'LeftError')
      }
      if (notAdmitted(response, error)) return
      const status = statusOf(error)
      const code = codedError(error)?.extensions.code
      await tell(code === undefined ? 'FAILED' : 'REFUSED', String(code ?? (error as Error).name))
      if (status === 500) logger.error({ err: error, requestId }, `a ${what} failed`)
      if (response.headersSent) return void response.destroy()
      text(
        response,
        status,
        error instanceof BackupError || status !== 500 ? (error as Error).message : UNEXPECTED,
      )
    }
  }

  return {
    backup: operating('backup', (signal, response) =>
      maintenance.backup(signal, async (_facts, archive) => {
        response.writeHead(200, { 'content-type': 'application/x-tar', 'cache-control': 'no-store' })
        await pipeline(Readable.from(archive, { objectMode: false }), response)
      }),
    ),
    check: operating('check', async (signal, response) => {
      const write = async (line: object) => {
        if (!response.headersSent) {
          response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
        }
        if (!response.write(`${JSON.stringify(line)}\n`)) await once(response, 'drain', { signal })
      }
      await write({ checked: await maintenance.check(signal, write) })
      response.end()
    }),
  }
}

const UNEXPECTED = 'Unexpected error. The server log says more.'

function statusOf(error: unknown): number {
  if (error instanceof ForbiddenError) return 403
  if (error instanceof ConflictError) return 409
  if (error instanceof StorageFullError) return 507
  if (error instanceof StoppingError) return 503
  return error instanceof DatabaseError ? 501 : 500
}
