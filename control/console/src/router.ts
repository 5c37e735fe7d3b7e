import {
  type RouterHistory,
  createRootRoute,
  createRoute,
  createRouter,
  redirect,
} from "@tanstack/react-router";
import BrokenPage from "./pages/BrokenPage.tsx";
import CallPage from "./pages/CallPage.tsx";
import LiveRoom from "./pages/LiveRoom.tsx";
import LostPage from "./pages/LostPage.tsx";
import NoCallPage from "./pages/NoCallPage.tsx";
import RecordsRoom from "./pages/RecordsRoom.tsx";
import RootPage from "./pages/RootPage.tsx";
import { paths } from "./paths.ts";
import { readFilters } from "./state/recordFilters.ts";

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

const live = createRoute({ getParentRoute: () => root, id: "live", component: LiveRoom });
const calls = createRoute({ getParentRoute: () => live, path: paths.calls, component: NoCallPage });
const call = createRoute({
  getParentRoute: () => live,
  path: paths.call,
  component: CallPage,
  errorComponent: BrokenPage,
});

const records = createRoute({
  getParentRoute: () => root,
  path: paths.records,
  validateSearch: readFilters,
  component: RecordsRoom,
});
const record = createRoute({
  getParentRoute: () => records,
  path: "$callId",
  component: CallPage,
  errorComponent: BrokenPage,
});

const routeTree = root.addChildren([home, live.addChildren([calls, call]), records.addChildren([record])]);

/** The console's router. Tests give it a history in memory. */
export function createConsoleRouter(history?: RouterHistory) {
  return createRouter({ routeTree, ...(history === undefined ? {} : { history }) });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createConsoleRouter>;
  }
}
