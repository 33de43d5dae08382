import { readFileSync } from 'node:fs'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
}

/** Of vggzoo itself, as its package.json has it; elsewhere a version is one of a model. */
export const packageVersion = version
