import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils'
import * as glue from '@prisma/schema-engine-wasm/schema_engine_bg'
import type { Migration, Migrations } from './migrations.ts'

export type SchemaEngine = Awaited<ReturnType<typeof glue.SchemaEngine.new>>

/** No table or enum of the schema is managed by anybody else. */
export const EVERYTHING = { externalTables: [], externalEnums: [] }

/** What is used of WebAssembly; its types come with the DOM library only. */
interface WebAssemblyHost {
  WebAssembly: {
    instantiate(binary: Uint8Array, imports: object): Promise<{ instance: { exports: WasmExports } }>
  }
}
type WasmExports = { __wbindgen_start(): void }

let loaded: Promise<void> | undefined

/**
 * Prisma's schema engine in WebAssembly (5.4 MB, about 0.1 s to compile), working on one open session.
 * The caller frees it.
 */
export async function openSchemaEngine(session: SqlDriverAdapter): Promise<SchemaEngine> {
  loaded ??= load()
  await loaded
  const factory = bindMigrationAwareSqlAdapterFactory(sessionFactory(session))
  return glue.SchemaEngine.new({ datamodels: undefined }, ignoreLog, factory)
}

/** The list of migrations as the engine takes it. */
export function engineList({ folder, lock }: Migrations, list: readonly Migration[]) {
  return {
    baseDir: folder,
    lockfile: { path: 'migration_lock.toml', content: lock },
    shadowDbInitScript: '',
    migrationDirectories: list.map(({ name, sql }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value: sql } },
    })),
  }
}

async function load(): Promise<void> {
  // The package's entry imports its .wasm as a module, which Node 20 can't; so it is instantiated here.
  const folder = dirname(
    createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg'),
  )
  const binary = await readFile(join(folder, 'schema_engine_bg.wasm'))
  // Neither lib.es2023 nor @types/node 20 describes this global.
  const { WebAssembly } = globalThis as unknown as WebAssemblyHost
  const { instance } = await WebAssembly.instantiate(binary, { './schema_engine_bg.js': glue })
  glue.__wbg_set_wasm(instance.exports)
  instance.exports.__wbindgen_start()
}

/** The engine connects where it likes; it always gets the one session, which stays its owner's to close. */
function sessionFactory(session: SqlDriverAdapter): SqlMigrationAwareDriverAdapterFactory {
  const lent: SqlDriverAdapter = {
    provider: session.provider,
    adapterName: session.adapterName,
    queryRaw: (query) => session.queryRaw(query),
    executeRaw: (query) => session.executeRaw(query),
    executeScript: (script) => session.executeScript(script),
    startTransaction: (level) => session.startTransaction(level),
    getConnectionInfo: () => session.getConnectionInfo?.() ?? { supportsRelationJoins: true },
    dispose: async () => {},
  }
  const connect = async () => lent
  return { provider: session.provider, adapterName: session.adapterName, connect, connectToShadowDb: connect }
}

function ignoreLog(): void {}
