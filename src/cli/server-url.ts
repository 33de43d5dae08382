/** The server that is meant: of the option, else of VGGZOO_URL, else the usual one on this machine. */
export function serverUrl(option: string | undefined, env: NodeJS.ProcessEnv): string {
  return option || env.VGGZOO_URL?.trim() || `http://localhost:${env.PORT?.trim() || 4000}`
}
