import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'

test('whatever a test started ends with its process, and its files go, even when both are killed or hang', async () => {
  const script = join(import.meta.dirname, 'holder.ts')
  const holder = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [line] = await once(createInterface({ input: holder.stdout }), 'line')
  const held = JSON.parse(line)
  expect(dirname(held.dataDir)).toBe(held.folder)
  const { hostname, port } = new URL(held.url)
  const connection = connect(Number(port), hostname)
  await once(connection, 'connect')
  connection.on('error', () => {})
  const cut = new Promise((resolve) => connection.once('close', resolve))
  // The other program and the reaper have this one from the holder: when it closes, they are over.
  const reaped = once(holder.stderr.resume(), 'end')
  holder.kill('SIGKILL')
  await Promise.all([cut, reaped])
  expect(existsSync(held.folder)).toBe(false)
})
