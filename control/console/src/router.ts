import {
  type RouterHistory,
  createRootRoute,
  createRoute,
  createRouter,
  redirect,
} from "@tanstack/react-router";
import BrokenPage from "./pages/BrokenPage.tsx";
import CallPage from "./pages/CallPage.tsx";
import LostPage from "./pages/LostPage.tsx";
import NoCallPage from "./pages/NoCallPage.tsx";
import RootPage from "./pages/RootPage.tsx";
import { paths } from "./paths.ts";

const root = createRootRoute({
  component: RootPage,
  notFoundComponent: LostPage,
  errorComponent: BrokenPage,
});

const home = createRoute({
  getParentRoute: () => root,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: paths.calls, replace: true });
  },
});

const calls = createRoute({ getParentRoute: () => root, path: paths.calls, component: NoCallPage });

const call = createRoute({
  getParentRoute: () => root,
  path: paths.call,
  component: CallPage,
  errorComponent: BrokenPage,
});

const routeTree = root.addChildren([home, calls, call]);

/** The console's router. Tests give it a history in memory. */
export function createConsoleRouter(history?: RouterHistory) {
  return createRouter({ routeTree, ...(history === undefined ? {} : { history }) });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createConsoleRouter>;
  }
}
