import type { Plugin } from 'graphql-yoga'

const answers = new WeakMap<Request, Promise<void>>()

/** Resolves when a request has its answer, whether its client is still there or not: of a stream, when it begins. */
export function answered(request: Request): Promise<void> {
  return answers.get(request)!
}

/** Notes when each request is answered. */
export function answeredPlugin(): Plugin {
  return {
    instrumentation: {
      async request({ request }, handle) {
        let over = () => {}
        answers.set(
          request,
          new Promise((resolve) => {
            over = resolve
          }),
        )
        try {
          await handle()
        } finally {
          over()
        }
      },
    },
  }
}
