import type { Client } from '../client/node.ts'
import { Failure } from './command.ts'

/**
 * Asks the server for what operators do, at an address of its own.
 * @returns its answer, whose body is still to come
 * @throws Failure with what the server says, or that it cannot be reached
 */
export async function ask(client: Client, path: string, signal: AbortSignal): Promise<Response> {
  let response: Response
  try {
    response = await client.fetch(path, { method: 'POST', signal })
  } catch (error) {
    signal.throwIfAborted()
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined
    throw new Failure(
      `No vggzoo server answers (${cause?.code ?? (error as Error).message}). Start it, or name another by --url.`,
    )
  }
  if (response.ok && response.body !== null) return response
  const said = (await response.text()).trim()
  throw new Failure(response.status < 500 || said !== '' ? said : `The server answered ${response.status}.`)
}
