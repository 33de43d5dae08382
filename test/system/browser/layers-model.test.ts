import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { completeRun } from '../../support/runs.ts'
import { startServer, stopServers, type TestServer } from '../../support/server.ts'

const CHROMIUM = '/usr/bin/chromium'
// In CI a missing browser is a failure, and never a skipped test.
const available = process.env.CI !== undefined || existsSync(CHROMIUM)

const TFJS = readFileSync(createRequire(import.meta.url).resolve('@tensorflow/tfjs/dist/tf.min.js'))

/** The README's page, as a function that the test calls with the address of a model and a picture. */
const PAGE = `<!doctype html><script src="/tf.min.js"></script><script>
async function classify(address, picture) {
  await tf.setBackend('cpu')
  const model = await tf.loadLayersModel(address)
  const { mean, std, size, labels } = model.getUserDefinedMetadata().preprocessing
  const image = Object.assign(new Image(), { src: picture, crossOrigin: 'anonymous' })
  await image.decode()
  const probabilities = tf.tidy(() => {
    const pixels = tf.image.resizeBilinear(tf.browser.fromPixels(image), size)
    return model.predict(pixels.div(255).sub(mean).div(std).expandDims(0))
  })
  const values = await probabilities.data()
  return labels.map((label, index) => ({ label, probability: values[index] }))
}
</script>`

describe.skipIf(!available)('a TF.js export in a browser (apt-get install chromium)', () => {
  let site: Server
  let server: TestServer
  let browser: Browser
  let page: Page

  beforeAll(async () => {
    site = createServer((request, response) => {
      const isScript = request.url === '/tf.min.js'
      response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
      response.end(isScript ? TFJS : PAGE)
    })
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
    const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
    server = await startServer({ dataset: 'cifar10', env: { ALLOWED_ORIGINS: origin } })
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-background-networking'],
      timeout: 0,
    })
    page = await browser.newPage()
    page.setDefaultTimeout(0)
    await page.goto(origin)
  })
  afterAll(async () => {
    await browser?.close()
    await stopServers()
    site?.close()
  })

  test('opens from another origin by tf.loadLayersModel and predicts what the server predicts', async () => {
    await completeRun(server, { trainLimit: 512, epochs: 2, batchSize: 32 })
    for (const index of [5, 6, 7]) {
      const { predict } = await server.query(
        `query ($index: Int!) { predict(input: { image: { sample: { split: TEST, index: $index } } }) {
          ... on Prediction { input probabilities { label probability }
            modelVersion { downloads { layersModel { url } } } } } }`,
        { index },
      )
      const address = server.url + predict.modelVersion.downloads.layersModel.url
      const seen = await page.evaluate(
        ([model, picture]) =>
          // biome-ignore lint/suspicious/noExplicitAny: a function of the page
          (globalThis as any).classify(model, picture) as Promise<{ label: string; probability: number }[]>,
        [address, predict.input],
      )
      expect(seen).toHaveLength(10)
      for (const { label, probability } of predict.probabilities) {
        const other = seen.find((it) => it.label === label)
        expect(Math.abs((other?.probability ?? Number.NaN) - probability)).toBeLessThan(1e-4)
      }
    }
  })
})
