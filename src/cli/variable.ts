/** What a variable of the environment says; undefined where it is unset or blank, as where the server is configured. */
export function variable(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  return env[name]?.trim() || undefined
}
