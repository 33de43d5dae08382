import type { Auth } from '../../access/service.ts'
import { type Config, ConfigError } from '../../config.ts'
import { isLoopback } from '../origin.ts'

/**
 * How viewers are known at an address: where only this machine reaches it, not at all unless told otherwise.
 * @throws ConfigError where others reach it and nothing was told
 */
export function authAt(address: string, { host, auth }: Pick<Config, 'host' | 'auth'>): Auth {
  if (auth !== null) return auth
  if (isLoopback(address)) return 'none'
  throw new ConfigError(
    `HOST ${host} is reached from other machines: set AUTH=tokens, for which vggzoo token create NAME --role admin makes the first token, or AUTH=none to let everyone who reaches it do everything.`,
  )
}
