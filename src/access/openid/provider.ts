import {
  AuthorizationResponseError,
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  type ClientAuth,
  ClientError,
  ClientSecretBasic,
  ClientSecretPost,
  type Configuration,
  calculatePKCECodeChallenge,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  ResponseBodyError,
} from 'openid-client'
import type { Logger } from 'pino'
import type { Claims } from './person.ts'
import { hostOf, type OpenIdSettings } from './settings.ts'

/** What ties the answer of a provider to the question: nobody knows it beforehand but the browser that asked, and this server. */
export interface Question {
  state: string
  nonce: string
  /** Of PKCE. */
  verifier: string
}

export interface OpenIdProvider {
  /**
   * The page of the provider where one signs in.
   * @throws OpenIdError
   */
  pageFor(question: Question): Promise<URL>
  /**
   * What the provider says of who signed in there.
   * @param answer  the parameters that the browser came back with
   * @throws OpenIdError
   */
  claimsOf(answer: URLSearchParams, question: Question): Promise<Claims>
}

/** `denied` and `late` are of the person's making; `unreachable` passes; of `failed` the message is for who runs the server. */
export type OpenIdFailure = 'denied' | 'late' | 'unreachable' | 'failed'

export class OpenIdError extends Error {
  override readonly name = 'OpenIdError'
  readonly failure: OpenIdFailure

  constructor(failure: OpenIdFailure, message: string) {
    super(message)
    this.failure = failure
  }
}

/** For each answer of the provider, in seconds: somebody waits. */
const PATIENCE_S = 10
/** What a provider says of itself is asked for anew after so long. */
const KNOWN_MS = 24 * 60 * 60 * 1000
/** Of what a provider says went wrong. */
const MOST_CHARACTERS = 300

/**
 * Needs no provider to begin with: it is asked what it can do at once, which is logged, and again with each sign-in until
 * it has answered.
 * @param callback  where the provider sends browsers back to
 */
export function createOpenIdProvider(
  settings: OpenIdSettings,
  callback: URL,
  logger: Pick<Logger, 'info' | 'warn'>,
): OpenIdProvider {
  const { issuer, clientId, scopes } = settings
  let known: { provider: Promise<Configuration>; since: number } | null = null

  function discovered(): Promise<Configuration> {
    if (known !== null && Date.now() - known.since < KNOWN_MS) return known.provider
    const provider = discover(settings)
    known = { provider, since: Date.now() }
    provider.catch(() => {
      known = null
    })
    return provider
  }

  discovered().then(
    () => logger.info({ issuer }, 'people sign in with OpenID Connect'),
    ({ message }: Error) =>
      logger.warn({ issuer, reason: message }, 'the OpenID Connect provider does not answer yet'),
  )

  return {
    async pageFor({ state, nonce, verifier }) {
      return buildAuthorizationUrl(await discovered(), {
        redirect_uri: callback.href,
        scope: scopes,
        state,
        nonce,
        code_challenge: await calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
      })
    },
    async claimsOf(answer, { state, nonce, verifier }) {
      if (answer.get('state') !== state) throw new OpenIdError('late', 'It is the answer to another sign-in.')
      const provider = await discovered()
      const url = new URL(callback)
      url.search = answer.toString()
      try {
        const tokens = await authorizationCodeGrant(provider, url, {
          expectedState: state,
          expectedNonce: nonce,
          pkceCodeVerifier: verifier,
        })
        const told = tokens.claims()!
        // Many providers tell more there than in the token of who signed in.
        const hasMore = provider.serverMetadata().userinfo_endpoint !== undefined
        return { ...(hasMore && (await fetchUserInfo(provider, tokens.access_token, told.sub))), ...told }
      } catch (error) {
        throw new OpenIdError(failureOf(error), reasonOf(error))
      }
    },
  }

  /** @throws OpenIdError */
  async function discover({ clientSecret }: OpenIdSettings): Promise<Configuration> {
    // In clear to this machine alone: the configuration lets no other such issuer pass.
    const inClear = issuer.startsWith('http:') ? [allowInsecureRequests] : []
    try {
      return await discovery(new URL(issuer), clientId, undefined, secretAs(clientSecret), {
        execute: [enableNonRepudiationChecks, ...inClear],
        timeout: PATIENCE_S,
      })
    } catch (error) {
      throw new OpenIdError(failureOf(error), `${hostOf(settings)}: ${reasonOf(error)}`)
    }
  }
}

/** In the header, as is usual where a provider says nothing else. */
function secretAs(secret: string): ClientAuth {
  const [basic, post] = [ClientSecretBasic(secret), ClientSecretPost(secret)]
  return (server, ...rest) => {
    const ways = server.token_endpoint_auth_methods_supported
    const authenticate = ways === undefined || ways.includes('client_secret_basic') ? basic : post
    return authenticate(server, ...rest)
  }
}

function failureOf(error: unknown): OpenIdFailure {
  if (error instanceof AuthorizationResponseError && error.error === 'access_denied') return 'denied'
  const isTimeout = error instanceof ClientError && error.code === 'OAUTH_TIMEOUT'
  return isTimeout || isUnanswered(error) ? 'unreachable' : 'failed'
}

/** What fetch throws when no answer comes. */
function isUnanswered(error: unknown): error is TypeError {
  return error instanceof TypeError && error.cause instanceof Error
}

/** Without what was sent: it may hold a code or a token. */
function reasonOf(error: unknown): string {
  if (error instanceof AuthorizationResponseError || error instanceof ResponseBodyError) {
    return [error.error, error.error_description].filter(Boolean).join(': ').slice(0, MOST_CHARACTERS)
  }
  if (!(error instanceof Error)) return 'an unknown failure'
  const { message, cause } = error
  if (!(cause instanceof Error) || cause.message === message) return message
  return `${message}: ${'code' in cause && cause.message === '' ? cause.code : cause.message}`
}
