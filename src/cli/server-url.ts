import { variable } from './variable.ts'

/** The server that is meant: of the option, else of VGGZOO_URL, else the usual one on this machine. */
export function serverUrl(option: string | undefined, env: NodeJS.ProcessEnv): string {
  return option || variable('VGGZOO_URL', env) || `http://localhost:${variable('PORT', env) ?? 4000}`
}
