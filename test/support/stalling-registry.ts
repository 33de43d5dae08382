import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGzip } from 'node:zlib'
import { Header } from 'tar'
import { cifar10 } from '../../src/data/sources/cifar10/source.ts'
import { temporaryFolder } from './temporary-folder.ts'

/** A registry of packages that has the one with CIFAR-10, sends some megabytes of it and then no more. */
export async function openStallingRegistry(): Promise<{ env: NodeJS.ProcessEnv; close(): void }> {
  const { from } = cifar10.origins().find(({ name }) => name.startsWith('npm'))!
  if (!('spec' in from)) throw new Error('CIFAR-10 does not come from a package any more')
  const [name, version] = from.spec.split('@') as [string, string]
  const registry = createServer((request, response) => {
    if (request.url === `/${name}`) {
      const dist = { tarball: `${url}package.tgz`, integrity: from.integrity }
      const versions = { [version]: { name, version, dist } }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ name, 'dist-tags': { latest: version }, versions }))
      return
    }
    response.setHeader('content-length', from.bytes)
    const unpacked = createGzip({ level: 0 })
    unpacked.pipe(response)
    const header = new Header({ path: 'package/some-file', size: from.bytes, mode: 0o644, type: 'File' })
    header.encode()
    unpacked.write(header.block)
    unpacked.write(Buffer.alloc(5e6))
    unpacked.flush()
  }).listen(0, '127.0.0.1')
  await once(registry, 'listening')
  const url = `http://127.0.0.1:${(registry.address() as AddressInfo).port}/`
  return {
    env: { npm_config_registry: url, npm_config_cache: temporaryFolder() },
    close() {
      registry.closeAllConnections()
      registry.close()
    },
  }
}
