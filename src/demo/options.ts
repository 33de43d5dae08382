import { parseArgs } from 'node:util'

const HELP = `npm run demo -- [options]

Trains vgg_mini on CIFAR-10, draws its falling loss, and classifies a few test images with it.

  --epochs N        passes over the training images (1)
  --train-limit N   only the first N training images (all 50,000)
  --test-limit N    only the first N test images (all 10,000)
  --pictures N      test images to classify, 1 to 100 (6)
  --url URL         the server to use; VGGZOO_URL says the same. When neither is set: the one at
                    http://localhost:4000, or else one that is started for the demo and ended with it.
  --help            these lines

Ctrl-C cancels the run. NO_COLOR=1 leaves out colours, and with them the pictures.
`

export interface DemoOptions {
  epochs: number
  trainLimit?: number
  testLimit?: number
  pictures: number
  url?: string
}

/** @returns null when a person asked for help, which is printed then */
export function readOptions(args: string[]): DemoOptions | null {
  const { values } = parse(args)
  if (values.help) {
    process.stdout.write(HELP)
    return null
  }
  return {
    epochs: whole('epochs', values.epochs, 10_000) ?? 1,
    trainLimit: whole('train-limit', values['train-limit'], 50_000),
    testLimit: whole('test-limit', values['test-limit'], 10_000),
    pictures: whole('pictures', values.pictures, 100) ?? 6,
    url: values.url ?? (process.env.VGGZOO_URL || undefined),
  }
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      options: {
        epochs: { type: 'string' },
        'train-limit': { type: 'string' },
        'test-limit': { type: 'string' },
        pictures: { type: 'string' },
        url: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    })
  } catch (error) {
    // Node's own text goes on about positional arguments.
    throw new Error(`${(error as Error).message.split('. ')[0]}. --help lists the options.`)
  }
}

function whole(name: string, text: string | undefined, most: number): number | undefined {
  if (text === undefined) return undefined
  const value = /^\d+$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= most) return value
  throw new Error(`--${name} must be a whole number from 1 to ${most}, not "${text}".`)
}
