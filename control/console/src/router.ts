import {
  type RouterHistory,
  createRootRoute,
  createRoute,
  createRouter,
  redirect,
} from "@tanstack/react-router";
import AccountPage from "./pages/AccountPage.tsx";
import AnalyticsPage from "./pages/AnalyticsPage.tsx";
import AuditPage from "./pages/AuditPage.tsx";
import BrokenPage from "./pages/BrokenPage.tsx";
import CallPage from "./pages/CallPage.tsx";
import { InvitationInside } from "./pages/InvitationPage.tsx";
import KeysPage from "./pages/KeysPage.tsx";
import LiveRoom from "./pages/LiveRoom.tsx";
import LostPage from "./pages/LostPage.tsx";
import NoCallPage from "./pages/NoCallPage.tsx";
import NumberPage from "./pages/NumberPage.tsx";
import NumbersPage from "./pages/NumbersPage.tsx";
import OrganizationPage from "./pages/OrganizationPage.tsx";
import PeoplePage from "./pages/PeoplePage.tsx";
import RecordsRoom from "./pages/RecordsRoom.tsx";
import RootPage from "./pages/RootPage.tsx";
import SettingsRoom, { AdminsOnly } from "./pages/SettingsRoom.tsx";
import { paths } from "./paths.ts";
import { readFilters } from "./state/recordFilters.ts";
import { readSpan } from "./state/useAnalytics.ts";

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

const analytics = createRoute({
  getParentRoute: () => root,
  path: paths.analytics,
  validateSearch: readSpan,
  component: AnalyticsPage,
});

const settings = createRoute({
  getParentRoute: () => root,
  path: paths.settings,
  component: SettingsRoom,
});
const settingsHome = createRoute({
  getParentRoute: () => settings,
  path: "/",
  beforeLoad: () => {
    throw redirect({ to: paths.account, replace: true });
  },
});
const account = createRoute({ getParentRoute: () => settings, path: "account", component: AccountPage });
const admins = createRoute({ getParentRoute: () => settings, id: "admins", component: AdminsOnly });
const organization = createRoute({
  getParentRoute: () => admins,
  path: "organization",
  component: OrganizationPage,
});
const people = createRoute({ getParentRoute: () => admins, path: "people", component: PeoplePage });
const keys = createRoute({ getParentRoute: () => admins, path: "keys", component: KeysPage });
const numbers = createRoute({ getParentRoute: () => admins, path: "numbers", component: NumbersPage });
const number = createRoute({
  getParentRoute: () => admins,
  path: "numbers/$number",
  component: NumberPage,
});
const audit = createRoute({ getParentRoute: () => admins, path: "audit", component: AuditPage });

const invitation = createRoute({
  getParentRoute: () => root,
  path: paths.invitation,
  component: InvitationInside,
});

const routeTree = root.addChildren([
  home,
  live.addChildren([calls, call]),
  records.addChildren([record]),
  analytics,
  settings.addChildren([
    settingsHome,
    account,
    admins.addChildren([organization, people, keys, numbers, number, audit]),
  ]),
  invitation,
]);

/** The console's router. Tests give it a history in memory. */
export function createConsoleRouter(history?: RouterHistory) {
  return createRouter({ routeTree, ...(history === undefined ? {} : { history }) });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createConsoleRouter>;
  }
}
