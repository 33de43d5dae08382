/** Takes the picture of README: the dashboard, on a real run of this machine. Needs Debian's chromium. */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { chromium } from 'playwright-core'

const root = resolve(import.meta.dirname, '..')
const dataDir = mkdtempSync(join(tmpdir(), 'vggzoo-screenshots-'))
const { CHROMIUM = '/usr/bin/chromium' } = process.env

const server = spawn(process.execPath, [join(root, 'dist/main.js')], {
  env: { ...process.env, DATA_DIR: dataDir, PORT: '0', NODE_ENV: 'production' },
  stdio: ['ignore', 'pipe', 'inherit'],
})
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
})
try {
  const page = await browser.newPage({ viewport: { width: 1280, height: 1000 }, deviceScaleFactor: 1 })
  page.setDefaultTimeout(0)
  await page.goto(await addressOf())
  await page.getByRole('button', { name: 'Train vgg_mini now' }).click()
  // Far enough for a curve with two epochs' tests, and still at work.
  await page.getByText('2 of 3 epochs').waitFor()
  await page.getByRole('combobox', { name: /^Smooth/ }).selectOption('5')
  await page.getByText('smoothed').first().waitFor()
  await page.screenshot({ path: join(root, 'docs/dashboard.png') })
} finally {
  await browser.close()
  server.kill()
  await new Promise((done) => server.once('exit', done))
  rmSync(dataDir, { recursive: true, force: true })
}

/** Where the server is ready. */
async function addressOf(): Promise<string> {
  for await (const line of createInterface({ input: server.stdout })) {
    const { msg, url } = JSON.parse(line) as { msg: string; url: string }
    if (msg === 'vggzoo is ready') return url
  }
  throw new Error('The server ended before it was ready.')
}
