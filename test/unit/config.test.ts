import { describe, expect, test } from 'vitest'
import { ConfigError, readConfig } from '../../src/config.ts'
import { instructionSetsHere } from '../../src/engine/native/addon.ts'
import { FOREIGN_ISA } from '../support/foreign-isa.ts'

describe('the configuration', () => {
  test('has a default for everything', () => {
    expect(readConfig({})).toMatchObject({
      port: 4000,
      host: '127.0.0.1',
      databaseUrl: null,
      engine: 'auto',
      cifar10Dir: null,
      datasetSources: [],
      logLevel: 'info',
      allowedOrigins: [],
      maxParameters: 500_000_000,
      maxModelBytes: 2 ** 30,
    })
  })

  test('takes an empty variable as unset, and one of blanks', () => {
    const blank = {
      PORT: '',
      ENGINE: ' ',
      HOST: ' ',
      DATABASE_URL: '\t',
      CIFAR10_DIR: ' ',
      OIDC_CLIENT_ID: ' ',
    }
    expect(readConfig(blank)).toEqual(readConfig({}))
  })

  test('wants folders where folders are meant, and files where files are', () => {
    const [folder, file] = [import.meta.dirname, import.meta.filename]
    for (const name of ['CIFAR10_DIR', 'DATASETS_DIR']) {
      expect(readConfig({ [name]: folder })).toMatchObject({})
      for (const wrong of [file, `${file}/below`, '/nowhere'])
        expect(() => readConfig({ [name]: wrong })).toThrow(
          `${name} must be a folder that exists, not "${wrong}"`,
        )
    }
    expect(readConfig({ TLS_CERT: file, TLS_KEY: file }).tls).toEqual({ cert: file, key: file })
    expect(() => readConfig({ TLS_CERT: folder, TLS_KEY: folder })).toThrow(
      `TLS_CERT must be a file that exists, not "${folder}"\nTLS_KEY must be a file`,
    )
    expect(readConfig({ DATASET_SOURCES: file }).datasetSources).toEqual([file])
    expect(() => readConfig({ DATASET_SOURCES: `${file},${folder}` })).toThrow(
      'DATASET_SOURCES must be a comma-separated list of files that exist',
    )
  })

  test('takes MAX_MODEL_BYTES as a number or with a unit', () => {
    const bytes = (MAX_MODEL_BYTES: string) => readConfig({ MAX_MODEL_BYTES }).maxModelBytes
    expect(['1000', '3KiB', '512 MiB', '2GiB'].map(bytes)).toEqual([1000, 3072, 2 ** 29, 2 ** 31])
    for (const wrong of ['0', '-1', '1.5 GiB', '1 GB', '1e9', ' 1 GiB', 'GiB']) {
      expect(() => bytes(wrong)).toThrow(/^MAX_MODEL_BYTES must be a number of bytes such as .*$/)
    }
  })

  test('names every wrong value on a line of its own', () => {
    const wrong = {
      PORT: '99999',
      ENGINE: 'quantum',
      LOG_LEVEL: 'loud',
      CIFAR10_DIR: '/nowhere',
      DATASET_SOURCES: '/nowhere.mjs',
      ALLOWED_ORIGINS: 'x',
      TRUST_PROXY: 'yes',
      LIMITS: 'operations=many',
      NATIVE_THREADS: '0',
      NATIVE_ISA: 'VAX',
      MAX_MODEL_BYTES: '1 GB',
      MAX_PARAMETERS: '2147483648',
      AUDIT_DAYS: '1y',
      WEBHOOKS_PRIVATE: 'yes',
    }
    try {
      readConfig(wrong)
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError)
      const lines = (error as Error).message.split('\n')
      expect(lines.map((line) => line.split(' ')[0]).sort()).toEqual(Object.keys(wrong).sort())
      for (const line of lines) expect(line).toContain(wrong[line.split(' ')[0] as keyof typeof wrong])
    }
  })

  test('takes no instruction set that the processor lacks, where the engine that has it may be chosen', () => {
    const wrong = new RegExp(
      `^NATIVE_ISA must be one that this processor has, (\\S+)( or \\S+)*, not "${FOREIGN_ISA}"$`,
    )
    for (const ENGINE of ['auto', 'native']) {
      expect(() => readConfig({ ENGINE, NATIVE_ISA: FOREIGN_ISA })).toThrow(wrong)
    }
    expect(readConfig({ ENGINE: 'wasm', NATIVE_ISA: FOREIGN_ISA }).engine).toBe('wasm')
    for (const NATIVE_ISA of instructionSetsHere()) expect(readConfig({ NATIVE_ISA }).engine).toBe('auto')
  })

  test('has spans sent when the variables of OpenTelemetry name a collector', () => {
    const isTraced = (variables: NodeJS.ProcessEnv) => readConfig(variables).traces
    const OTEL_EXPORTER_OTLP_ENDPOINT = 'https://collector.example.org/otlp'
    expect(isTraced({})).toBe(false)
    expect(isTraced({ OTEL_EXPORTER_OTLP_ENDPOINT })).toBe(true)
    expect(isTraced({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://[::1]:4318/v1/traces' })).toBe(true)
    expect(isTraced({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER: 'otlp' })).toBe(true)
    expect(isTraced({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_TRACES_EXPORTER: 'none' })).toBe(false)
    expect(isTraced({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED: 'True' })).toBe(false)
    expect(isTraced({ OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_SDK_DISABLED: 'no' })).toBe(true)
  })

  test('names each variable of OpenTelemetry that would be passed over, where spans are sent', () => {
    const endpoint = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:4318/v1/traces' }
    for (const wrong of [
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: '127.0.0.1:4318' },
      { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'grpc://127.0.0.1:4317' },
      { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/json' },
      { OTEL_TRACES_EXPORTER: 'zipkin' },
      { OTEL_TRACES_SAMPLER: 'sometimes' },
      { OTEL_TRACES_SAMPLER_ARG: '10 %' },
      { OTEL_TRACES_SAMPLER_ARG: '1.5' },
      { OTEL_BSP_SCHEDULE_DELAY: 'x' },
      { OTEL_BSP_SCHEDULE_DELAY: '-1' },
      { OTEL_BSP_EXPORT_TIMEOUT: '0' },
      { OTEL_BSP_MAX_QUEUE_SIZE: '1e3' },
      { OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '0' },
      { OTEL_EXPORTER_OTLP_TIMEOUT: '10s' },
      { OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: '9999999999' },
      { OTEL_EXPORTER_OTLP_COMPRESSION: 'zstd' },
      { OTEL_EXPORTER_OTLP_CERTIFICATE: '/nowhere.pem' },
      { OTEL_SPAN_LINK_COUNT_LIMIT: 'many' },
      { OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT: '0' },
      { OTEL_RESOURCE_ATTRIBUTES: 'zz' },
      { OTEL_RESOURCE_ATTRIBUTES: 'a=b=c' },
      { OTEL_RESOURCE_ATTRIBUTES: 'a=%zz' },
      { OTEL_RESOURCE_ATTRIBUTES: '=b' },
    ]) {
      const [[name, value]] = Object.entries(wrong) as [[string, string]]
      const line = new RegExp(`^${name} must be .*, not "${value}"$`)
      expect(() => readConfig({ ...endpoint, ...wrong }), name).toThrow(line)
      // Other programs may be meant.
      expect(readConfig({ ...endpoint, ...wrong, OTEL_SDK_DISABLED: 'true' }).traces).toBe(false)
    }
    // They hold passwords, which are not repeated.
    for (const name of ['OTEL_EXPORTER_OTLP_HEADERS', 'OTEL_EXPORTER_OTLP_TRACES_HEADERS'])
      for (const wrong of ['%%%', 'authorization', 'a=', '=b', 'a b=c', 'a=%0A', 'a=b;c', 'a=b,c'])
        expect(() => readConfig({ ...endpoint, [name]: wrong }), wrong).toThrow(
          new RegExp(`^${name} must be headers such as .*, their values percent-encoded$`),
        )
    const right = {
      OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20secret=, x-lab=vision,',
      OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=lab, host.id=,',
      OTEL_BSP_SCHEDULE_DELAY: '0',
    }
    expect(readConfig({ ...endpoint, ...right }).traces).toBe(true)
    const meantForTraces = { OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf' }
    expect(readConfig({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', ...meantForTraces }).traces).toBe(
      true,
    )
  })

  const openId = {
    AUTH: 'tokens',
    PUBLIC_URL: 'https://zoo.example.org/',
    OIDC_ISSUER: 'https://sso.example.org/realms/lab',
    OIDC_CLIENT_ID: 'zoo',
    OIDC_CLIENT_SECRET: 'hush',
    OIDC_ROLES: 'zoo-admins=admin, cn=lab = Operator,*=viewer',
  }

  test('has people sign in with OpenID Connect when all is there that this needs', () => {
    expect(readConfig({})).toMatchObject({ openId: null, publicUrl: null })
    expect(readConfig({ PUBLIC_URL: 'http://zoo' })).toMatchObject({ openId: null, publicUrl: 'http://zoo' })
    expect(readConfig(openId).openId).toEqual({
      issuer: 'https://sso.example.org/realms/lab',
      clientId: 'zoo',
      clientSecret: 'hush',
      scopes: 'openid profile email',
      rolesClaim: 'groups',
      roles: [
        { value: 'zoo-admins', role: 'ADMIN' },
        { value: 'cn=lab', role: 'OPERATOR' },
        { value: '*', role: 'VIEWER' },
      ],
      publicUrl: 'https://zoo.example.org',
    })
    for (const OIDC_ISSUER of ['http://localhost:8080', 'http://127.0.0.2/x', 'http://[::1]:1', 'https://a'])
      expect(readConfig({ ...openId, OIDC_ISSUER }).openId).toMatchObject({ issuer: OIDC_ISSUER })
  })

  test('says what is missing or wrong to sign in with OpenID Connect, without its secret', () => {
    const lines = (variables: NodeJS.ProcessEnv) => {
      try {
        return readConfig(variables)
      } catch (error) {
        return (error as Error).message.split('\n')
      }
    }
    const { AUTH, PUBLIC_URL, OIDC_CLIENT_ID, ...some } = openId
    expect(lines(some)).toEqual([
      'OIDC_CLIENT_ID must be set, too, to sign in with OpenID Connect',
      'PUBLIC_URL must be set, too, to sign in with OpenID Connect',
      'AUTH must be tokens to sign in with OpenID Connect',
    ])
    expect(lines({ ...openId, AUTH: 'none' })).toEqual([
      'AUTH must be tokens to sign in with OpenID Connect, not "none"',
    ])
    expect(lines({ OIDC_SCOPES: 'openid' })).toHaveLength(6)
    for (const wrong of [
      { OIDC_ISSUER: 'http://sso.example.org' },
      { OIDC_ISSUER: 'sso.example.org' },
      { OIDC_ISSUER: 'https://sso.example.org/?x' },
      { OIDC_ROLES: 'lab' },
      { OIDC_ROLES: 'lab=operator,' },
      { OIDC_ROLES: 'lab=owner' },
      { OIDC_SCOPES: 'profile' },
      { PUBLIC_URL: 'https://zoo.example.org/zoo' },
    ])
      expect(lines({ ...openId, ...wrong })).toEqual([
        expect.stringMatching(new RegExp(`^${Object.keys(wrong)[0]} must .*, not "`)),
      ])
  })

  test('never repeats the password of a database', () => {
    expect(() => readConfig({ DATABASE_URL: 'mysql://me:secret@host/db' })).toThrow(/postgres/)
    expect(() => readConfig({ DATABASE_URL: 'mysql://me:secret@host/db' })).not.toThrow(/secret/)
  })
})
