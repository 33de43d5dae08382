import type { DownloadName } from '../models/downloads.ts'
import type { Addresses } from '../schema/builder/context.ts'

/** GraphQL, and the playground for browsers. */
export const GRAPHQL_PATH = '/graphql'
/** Whether the server can do what it is for: the name that clients know. */
export const HEALTH_PATH = '/health'
/** Whether the process is at work. */
export const LIVE_PATH = '/health/live'
/** The same as `/health`, beside `/health/live`. */
export const READY_PATH = '/health/ready'
/** For Prometheus. */
export const METRICS_PATH = '/metrics'
/** The page where one signs in, and by POST signing in itself. */
export const SIGN_IN_PATH = '/login'
/** By what else than a token one signs in there. */
export const SIGN_IN_METHODS_PATH = '/login/methods'
/** Where one leaves for the provider of OpenID Connect. */
export const OPENID_PATH = '/login/oidc'
/** Where that leads back to. */
export const OPENID_CALLBACK_PATH = '/login/oidc/callback'
export const SIGN_OUT_PATH = '/logout'
/** The paths of files of models begin with this. */
export const DOWNLOADS_PATH = '/downloads/'
/** A backup of all of the server's data. */
export const BACKUP_PATH = '/backup'
/** Whether these are whole and right. */
export const CHECK_PATH = '/check'
/** Scripts and styles of the dashboard. */
export const ASSETS_PATH = '/assets/'
/** What the dashboard shows: the page at `/`, and those whose paths begin with one of these. */
export const PAGES = ['runs', 'new', 'compare', 'models', 'networks', 'predict', 'data', 'system'] as const

const SAFETENSORS = 'model.safetensors'
const LAYERS_MODEL = 'layers-model'
const DOWNLOAD = /^\/downloads\/([\w-]+)\/([\w.-]+)(?:\/([\w.-]+))?$/

export const ADDRESSES: Addresses = {
  safetensors: ({ id }) => `${DOWNLOADS_PATH}${id}/${SAFETENSORS}`,
  layersModel: ({ id }) => `${DOWNLOADS_PATH}${id}/${LAYERS_MODEL}/model.json`,
  signed: (path) => path,
}

/** What a path names, whether that is there or not; null where it names nothing. */
export function downloadAt(pathname: string): DownloadName | null {
  const [, versionId, name, part] = DOWNLOAD.exec(pathname) ?? []
  if (versionId === undefined) return null
  if (name === SAFETENSORS && part === undefined) return { versionId, format: 'safetensors' }
  if (name === LAYERS_MODEL && part !== undefined) return { versionId, format: 'layersModel', part }
  return null
}
