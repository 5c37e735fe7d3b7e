// Made from openapi.json by `npm run generate`. Do not edit.

export interface paths {
  "/api/audit": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Who did what in this tenant, newest first. */
    get: {
      parameters: {
        query?: {
          /** @description Done by this person, `usr_…`. */
          user?: string;
          /**
           * @description What was done.
           * @example session.ended
           */
          action?: string;
          /** @description On this call, `call_…`. */
          call?: string;
          /** @description At this time (RFC 3339) or later. */
          from?: string;
          /** @description Before this time (RFC 3339). */
          to?: string;
          /** @description Entries on the page, 1 to 200; 50 unless given. */
          limit?: number;
          /** @description The `next_cursor` of the page before. */
          cursor?: string;
        };
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["AuditPage"];
          };
        };
        400: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/auth/invitation": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Accepts an invitation: makes the person, and signs them in. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["InvitationAccept"];
        };
      };
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["SignedIn"];
          };
        };
        /** @description Nobody knows the token, or it was used, revoked, or is too old */
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `email_taken` */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        429: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/auth/login": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Signs in. The refresh token comes as a cookie that scripts cannot read. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["Login"];
        };
      };
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["SignedIn"];
          };
        };
        /** @description E-mail or password is wrong */
        401: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description Too many tries: wait as `Retry-After` says */
        429: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/auth/logout": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Signs out: the access token, the refresh cookie, live sockets and connections to calls end. Fine to call twice. */
    post: {
      parameters: {
        query?: {
          /** @description `true` ends all sign-ins of the person, on whatever device. API keys stay. */
          everywhere?: boolean;
        };
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        204: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        400: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/auth/methods": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** How one can sign in here. */
    get: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Methods"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/auth/oidc/callback": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Signs in who comes back from the provider: the refresh cookie is set, and the console goes on. */
    get: {
      parameters: {
        query?: {
          /** @description Good once, for the tokens. */
          code?: string;
          /** @description As it was sent there. */
          state?: string;
          /** @description Why there is no code. */
          error?: string;
        };
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        /** @description To the console; who is not signed in, with `?sign_in_problem=` and `canceled`, `expired`, `refused`, `unknown` or `unavailable` */
        303: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        400: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description There is no provider */
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        429: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/auth/oidc/login": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Sends a browser to the provider. */
    get: {
      parameters: {
        query?: {
          /** @description The console's page to go on with, as a path; `/` unless given. */
          return_to?: string;
        };
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        /** @description To the provider; or back, with `?sign_in_problem=unavailable` */
        303: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        400: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description There is no provider */
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        429: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/auth/password": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Changes one's own password. One's other sign-ins end, and what they have open; this one goes on. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["PasswordChange"];
        };
      };
      responses: {
        204: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        401: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `wrong_password`: the old one is not right; or a bad body */
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        429: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/auth/refresh": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Gives a new access token for the refresh cookie, and a new cookie. Each cookie is good once. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["SignedIn"];
          };
        };
        /** @description No cookie, or one that is not good any more */
        401: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The tenant's calls, newest first; an agent's own. */
    get: {
      parameters: {
        query?: {
          /**
           * @description One status, or some with commas between.
           * @example incoming,in_progress
           */
          status?: string;
          /** @description Whether a person took care of it. */
          handled?: boolean;
          /** @description Whether it needs a person soon. */
          urgent?: boolean;
          /**
           * @description Any part of the customer's number; or words, all of which the name, the tags, the notes, the summary or
           *     what was said must have: whole ones or beginnings, accents and case aside; at most 8. Or an id of the call.
           */
          q?: string;
          /** @description The customer's number or ours, E.164: with the customer's, what was before with them. */
          number?: string;
          /** @description Began at this time (RFC 3339) or later. */
          from?: string;
          /** @description Began before this time (RFC 3339). */
          to?: string;
          /** @description Calls on the page, 1 to 200; 50 unless given. */
          limit?: number;
          /** @description The `next_cursor` of the page before. */
          cursor?: string;
        };
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["CallPage"];
          };
        };
        400: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        401: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/active": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The calls that are not over; for an agent those that ring, and their own. */
    get: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["ActiveCalls"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/analytics": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Figures over a time, by day or by hour; an agent's, of the calls that they answered. */
    get: {
      parameters: {
        query?: {
          /**
           * @description Calls that began at this time (RFC 3339) or later; 30 buckets before `to` unless given. It is moved to the
           *     begin of its bucket.
           */
          from?: string;
          /** @description Calls that began before this time (RFC 3339); now unless given. It is moved to the end of its bucket. */
          to?: string;
          /** @description `day` (at most 366), or `hour` (at most 744); `day` unless given. */
          bucket?: "hour" | "day";
        };
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Analytics"];
          };
        };
        400: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/export": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * The calls of a list as a file: CSV (RFC 4180), in UTF-8, at most 5000; or PDF, at most 500.
     * @description A cell of CSV that a spreadsheet would take for a formula has an apostrophe in front. When there are more calls, the
     *     header `Link` has the address of the next file. Times in a PDF are UTC; its fonts are embedded, and nothing in it acts.
     */
    get: {
      parameters: {
        query: {
          /** @description `csv` or `pdf` */
          format: string;
          /**
           * @description One status, or some with commas between.
           * @example incoming,in_progress
           */
          status?: string;
          /** @description Whether a person took care of it. */
          handled?: boolean;
          /** @description Whether it needs a person soon. */
          urgent?: boolean;
          /**
           * @description Any part of the customer's number; or words, all of which the name, the tags, the notes, the summary or
           *     what was said must have: whole ones or beginnings, accents and case aside; at most 8. Or an id of the call.
           */
          q?: string;
          /** @description The customer's number or ours, E.164: with the customer's, what was before with them. */
          number?: string;
          /** @description Began at this time (RFC 3339) or later. */
          from?: string;
          /** @description Began before this time (RFC 3339). */
          to?: string;
          /** @description Calls on the page, 1 to 200; 50 unless given. */
          limit?: number;
          /** @description The `next_cursor` of the page before. */
          cursor?: string;
        };
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "text/csv": string;
            "application/pdf": number[];
          };
        };
        400: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description Too many PDFs are being made */
        503: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/latest": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The newest call; an agent's own. */
    get: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Call"];
          };
        };
        /** @description There is no call yet */
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/stats": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Figures of all calls; an agent's, of those that they answered. */
    get: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Stats"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/{id}": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** One call. */
    get: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["CallDetail"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    /**
     * Deletes a call that is over, for good: its record, what was said, what it is found by, who listened. That there was
     *     one stays, and who deleted it.
     */
    delete: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        204: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `call_in_progress` */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    options?: never;
    head?: never;
    /** Changes a call. */
    patch: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["CallChange"];
        };
      };
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Call"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    trace?: never;
  };
  "/api/calls/{id}/dtmf": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Sends keys to the caller's side, as tones. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["Keys"];
        };
      };
      responses: {
        /** @description The gateway is told */
        202: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `call_not_live`, `call_cannot_be_joined` */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/{id}/end": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Ends a call for everybody, by Twilio. Fine for one that is over. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        204: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `no_twilio_account`: nobody knows the account's token any more */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `twilio_unavailable`: try again; `twilio_refused` */
        502: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/{id}/events": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** What happened to a call, oldest first. */
    get: {
      parameters: {
        query?: {
          /** @description Only events after this number. */
          after?: number;
        };
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["CallEvents"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/{id}/export": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * A call as a file: its record and what was said in it, as PDF; at most 5000 messages.
     * @description Times are UTC; all fonts are embedded, and nothing in it acts.
     */
    get: {
      parameters: {
        query: {
          /** @description `pdf` */
          format: string;
        };
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/pdf": number[];
          };
        };
        400: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description Too many PDFs are being made */
        503: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/{id}/hold": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Puts the caller on hold, or takes them off it. Fine to call twice. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["Hold"];
        };
      };
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Hold"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `call_not_live`, `call_cannot_be_joined` */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/{id}/listeners": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Who hears a call now, and how well. */
    get: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Listeners"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/{id}/messages": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** What was said and sent in a call, oldest first. */
    get: {
      parameters: {
        query?: {
          /** @description Only what comes after this number. */
          after?: number;
        };
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Messages"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/{id}/pause-ai": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Pauses a call's bot: it hears nothing and is heard by nobody, until it is handed back to. Fine to call twice. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        202: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["BotAsked"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `call_not_live`, `call_cannot_be_joined`, `call_has_no_bot` */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    /**
     * Hands a call back to its bot, which is told what was said meanwhile, as far as that was written down. Who had taken
     *     the call over listens again.
     */
    delete: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        202: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["BotAsked"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `call_not_live`, `call_cannot_be_joined`, `call_has_no_bot`; `call_taken_over`: somebody else has taken it over */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/{id}/say": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /**
     * Has a line spoken to the caller, after those that wait already.
     * @description What became of it, the event `message.sent` says with the message's `outcome`: `spoken` when the caller has heard it
     *     to its end.
     */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["Say"];
        };
      };
      responses: {
        202: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["SayQueued"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `call_not_live`, `call_cannot_be_joined`; `too_many_lines`: 20 wait already, or the call has as many messages as it may have */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    /** Has all lines that wait, and the one that is being spoken, spoken no more. */
    delete: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        /** @description What becomes of each line, its message says */
        202: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/{id}/say/{say}": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post?: never;
    /** Has one line spoken no more. Fine for one that is over. */
    delete: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
          /** @description `say_…` */
          say: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        /** @description What becomes of it, its message says */
        202: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/{id}/sessions": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /**
     * Asks for leave to hear a call, and to be heard in it as the mode says.
     * @description A call that rings (`rings`) is answered with `join`: it is then the caller's own, and they are its agent. In any
     *     other call one is beside it, in the modes that the role and the organization's `speaking_modes` allow. An API key
     *     needs `calls:speak` for any mode but `listen`. In a call of route `monitor` the connection begins with `listen`, and
     *     `session.changed` tells when it may do what was asked for.
     */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["SessionOpen"];
        };
      };
      responses: {
        201: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["SessionGrant"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `call_not_live`: there is no audio now; `call_cannot_be_joined`: one can only listen; `call_already_answered`: another agent was faster; `call_not_answered`; `no_twilio_account` */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        429: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `twilio_unavailable`: try again; `twilio_refused` */
        502: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/{id}/sessions/{sid}": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post?: never;
    /** Ends a connection: one's own, or anybody's as admin or supervisor. Fine to call twice. */
    delete: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
          /** @description `ses_…` */
          sid: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        204: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    options?: never;
    head?: never;
    /**
     * Changes what an open connection may do.
     * @description One's own, as far as the role and the organization's `speaking_modes` allow; anybody's back to `listen`, as admin or
     *     supervisor. It is so when the gateway says so: `session.changed` among the live events.
     *
     *     A call of route `monitor` is first moved into a conference at Twilio, which takes some seconds: until `session.changed`
     *     nobody is heard. With `failed` that event says that nothing came of it.
     */
    patch: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
          /** @description `ses_…` */
          sid: string;
        };
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["ModeChange"];
        };
      };
      responses: {
        /** @description It is so already */
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["ModeAsked"];
          };
        };
        /** @description The gateway is told */
        202: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["ModeAsked"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `session_is_over`, `call_not_live`, `call_cannot_be_joined`, `call_not_answered`, `no_twilio_account` */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `twilio_unavailable`: try again; `twilio_refused` */
        502: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    trace?: never;
  };
  "/api/calls/{id}/takeover": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /**
     * Takes a call over: its bot is paused, and the caller of this is heard by everyone.
     * @description By the connection that they have, which is then allowed `takeover` (200), or by a new one (201), for which the bot
     *     is paused when it carries audio.
     */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["Takeover"];
        };
      };
      responses: {
        /** @description The open connection may now speak */
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["SessionGrant"];
          };
        };
        /** @description A connection to open */
        201: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["SessionGrant"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `call_not_live`, `call_cannot_be_joined` */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        429: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/{id}/transcript": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * A call as a conversation: who said what, oldest first.
     * @description With `Accept: text/event-stream` the answer goes on until the call is over: an event `line` for each line, again
     *     when it changed before it was final, and `end` at the end. A client that comes again with `Last-Event-ID` gets
     *     what changed since; 204 says that nothing did and nothing will.
     */
    get: {
      parameters: {
        query?: {
          /** @description Only what comes after this number. */
          after?: number;
        };
        header?: {
          /** @description The id of the last event that the client has */
          "Last-Event-ID"?: number | null;
        };
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Transcript"];
            "text/event-stream": string;
          };
        };
        /** @description The stream is at its end */
        204: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        400: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description Too many streams */
        429: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/calls/{id}/transfer": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /**
     * Puts the caller through to another number, by Twilio.
     * @description `cold`: both voices can be heard on, and who spoke on the call's own stream is out of it. `warm`: the number is called
     *     into a conference, into which the call is moved first, with who speaks in it: all stay until they hang up.
     */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `call_…`, or Twilio's `CA…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["Transfer"];
        };
      };
      responses: {
        /** @description Twilio dials */
        202: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `call_not_live`, `no_twilio_account`; `call_not_answered`; `call_cannot_be_joined`: its TwiML is none of ours */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `twilio_unavailable`: try again; `twilio_refused` */
        502: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/invitations": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The tenant's invitations that can still be accepted. */
    get: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Invitations"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    /** Invites a person. An older invitation of the same e-mail is revoked. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["InvitationCreate"];
        };
      };
      responses: {
        201: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["InvitationCreated"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `email_taken`, `too_many_invitations` */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/invitations/{id}": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post?: never;
    /** Revokes an invitation. */
    delete: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `inv_…`, the first part of the token */
          id: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        204: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/keys": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The tenant's API keys. */
    get: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["ApiKeys"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    /** Makes an API key that acts for the caller: never more than its scopes say, nor than the caller may then. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["KeyCreate"];
        };
      };
      responses: {
        201: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["KeyCreated"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `too_many_keys` */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/keys/{id}": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post?: never;
    /** Revokes an API key, from its next request on. What it has open ends. */
    delete: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `plk_…`, the first part of the key */
          id: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        204: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/live": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Live events, as a WebSocket.
     * @description Authenticate with `?token=` or the subprotocol `bearer.<token>`. The first message is a `LiveSnapshot`,
     *     each further one a `LiveEvent`. `?since=<seq>` gives all events after that number behind the snapshot.
     *     The text `ping` or `{"type":"ping"}` is answered by `{"type":"pong"}`. Close codes: 4001 refresh the
     *     token and reconnect, 4008 too slow, reconnect; both with `since`.
     */
    get: {
      parameters: {
        query?: {
          /** @description The access token or API key, unless the subprotocol has it */
          token?: string;
          /** @description Number of the last event that the client has */
          since?: number;
        };
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        /** @description A WebSocket */
        101: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        /** @description No token, or a bad one */
        401: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description The page's origin is not allowed */
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/me": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** Who is signed in. */
    get: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["User"];
          };
        };
        401: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/numbers": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The tenant's numbers. */
    get: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Numbers"];
          };
        };
      };
    };
    put?: never;
    /** Adds a number of the tenant's Twilio account. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["NumberCreate"];
        };
      };
      responses: {
        201: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Number"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `number_exists` */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/numbers/{number}": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post?: never;
    /** Forgets a number. Its calls stay; new ones are rejected. */
    delete: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description E.164 */
          number: string;
        };
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        204: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    options?: never;
    head?: never;
    /** Changes a number. */
    patch: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description E.164 */
          number: string;
        };
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["NumberPatch"];
        };
      };
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Number"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    trace?: never;
  };
  "/api/tenant": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The caller's tenant. */
    get: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["TenantView"];
          };
        };
        401: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    /** Changes the tenant. */
    patch: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["TenantChange"];
        };
      };
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["TenantView"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    trace?: never;
  };
  "/api/twilio/agent": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Where Twilio tells what becomes of an agent or a guest who is called into a conference. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/x-www-form-urlencoded": Record<string, never>;
        };
      };
      responses: {
        204: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        /** @description Not signed by Twilio */
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/twilio/conference": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** Where Twilio tells who comes into a call's conference, and who leaves it. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/x-www-form-urlencoded": Record<string, never>;
        };
      };
      responses: {
        204: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        /** @description Not signed by Twilio */
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/twilio/dialled": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /**
     * Where Twilio comes when whom the caller was put through to is gone: hung up, never there, or moved into the call's
     *     conference, where the caller then goes too.
     */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/x-www-form-urlencoded": Record<string, never>;
        };
      };
      responses: {
        /** @description TwiML */
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "text/xml": string;
          };
        };
        /** @description Not signed by Twilio */
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/twilio/recording": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** A recording's status callback. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/x-www-form-urlencoded": Record<string, never>;
        };
      };
      responses: {
        204: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        /** @description Not signed by Twilio */
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/twilio/resume": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /**
     * Where Twilio comes back when the stream of an agent's call has ended: it may have broken, and the caller is still
     *     there. They get another, a few times; then the number's `dial` rings, or it hangs up.
     */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/x-www-form-urlencoded": Record<string, never>;
        };
      };
      responses: {
        /** @description TwiML */
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "text/xml": string;
          };
        };
        /** @description Not signed by Twilio */
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/twilio/side": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /**
     * The voice webhook of our TwiML application: a leg of our own is in a call's conference, and its audio goes to the
     *     gateway where the call's listeners are.
     */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/x-www-form-urlencoded": Record<string, never>;
        };
      };
      responses: {
        /** @description TwiML */
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "text/xml": string;
          };
        };
        /** @description Not signed by Twilio */
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/twilio/status": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** A call's status callback. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/x-www-form-urlencoded": Record<string, never>;
        };
      };
      responses: {
        204: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        /** @description Not signed by Twilio */
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/twilio/stream": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** A media stream's status callback. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/x-www-form-urlencoded": Record<string, never>;
        };
      };
      responses: {
        204: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        /** @description Not signed by Twilio */
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/twilio/voice": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    /** The voice webhook of a number: answers TwiML. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/x-www-form-urlencoded": Record<string, never>;
        };
      };
      responses: {
        /** @description TwiML */
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "text/xml": string;
          };
        };
        /** @description Not signed by Twilio */
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/users": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /** The tenant's people who may sign in. */
    get: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Users"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    /** Adds a person. */
    post: {
      parameters: {
        query?: never;
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["UserCreate"];
        };
      };
      responses: {
        201: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["User"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `email_taken` */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/users/{id}": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    get?: never;
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    /** Changes a person. A change of role, or disabling, ends their sign-ins and open connections. */
    patch: {
      parameters: {
        query?: never;
        header?: never;
        path: {
          /** @description `usr_…` */
          id: string;
        };
        cookie?: never;
      };
      requestBody: {
        content: {
          "application/json": components["schemas"]["UserChange"];
        };
      };
      responses: {
        200: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["User"];
          };
        };
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        404: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description `last_admin` */
        409: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        422: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    trace?: never;
  };
  "/api/ws/telephony/stream": {
    parameters: {
      query?: never;
      header?: never;
      path?: never;
      cookie?: never;
    };
    /**
     * Calls' status, what customers say and messages to speak to them, as a WebSocket for telephony frontends.
     * @description It tells `call_status_update` of all calls; of those that it follows, by `call_id` in the query or
     *     `init_telephony_stream`, `customer_transcript` and what became of each `agent_message`: `agent_tts_audio`, without
     *     audio, when the caller has heard it, else `telephony_error`. `update_call_status` with `ended` ends a call.
     */
    get: {
      parameters: {
        query?: {
          /** @description The access token or API key, unless the subprotocol has it */
          token?: string;
          /** @description The call to follow: `call_…`, or Twilio's `CA…` */
          call_id?: string;
          /** @description Taken, and of no effect */
          language?: string;
          /** @description Taken, and of no effect */
          model?: string;
          /** @description Taken, and of no effect */
          client_type?: string;
        };
        header?: never;
        path?: never;
        cookie?: never;
      };
      requestBody?: never;
      responses: {
        /** @description A WebSocket */
        101: {
          headers: {
            [name: string]: unknown;
          };
          content?: never;
        };
        /** @description No token, or a bad one */
        401: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
        /** @description The page's origin is not allowed */
        403: {
          headers: {
            [name: string]: unknown;
          };
          content: {
            "application/json": components["schemas"]["Problem"];
          };
        };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
}
export type webhooks = Record<string, never>;
export interface components {
  schemas: {
    /** @description Calls that are going on. */
    ActiveCalls: {
      /** @description Newest first; at most 1000. */
      calls: components["schemas"]["Call"][];
    };
    /** @description Figures of calls over a time. */
    Analytics: {
      /** @description How fine. */
      bucket: components["schemas"]["Bucket"];
      /**
       * Format: date-time
       * @description Of calls that began at this time or later.
       */
      from: string;
      /** @description How many began in each hour of the day (UTC), 0 to 23. */
      hours_of_day: number[];
      /** @description Of each bucket, oldest first, those without calls too. */
      series: components["schemas"]["Point"][];
      /**
       * Format: date-time
       * @description And before this time.
       */
      to: string;
      /** @description Of all of them. */
      totals: components["schemas"]["Figures"];
    };
    /** @description What a program sends in place of a sign-in. */
    ApiKey: {
      /**
       * Format: date-time
       * @description Since when it is good.
       */
      created_at: string;
      /**
       * Format: date-time
       * @description Until when. `null`: until it is revoked.
       */
      expires_at?: string | null;
      /**
       * @description What the key begins with.
       * @example plk_0123456789abcdef
       */
      id: string;
      /**
       * Format: date-time
       * @description When it was last used, to the minute. `null`: never.
       */
      last_used_at?: string | null;
      /** @description What it is for. */
      name: string;
      /** @description What it may do. */
      scopes: components["schemas"]["Scope"][];
      /** @description Whom it acts for: what they may not do now, it may not either. */
      user: components["schemas"]["Person"];
    };
    /** @description The tenant's API keys. */
    ApiKeys: {
      /** @description Oldest first, without those that were revoked. */
      keys: components["schemas"]["ApiKey"][];
    };
    /** @description An entry as the API gives it. */
    AuditEntry: {
      /**
       * @description What was done.
       * @example session.ended
       */
      action: string;
      /** @description From which address, if it came over the network. */
      address?: string | null;
      /**
       * Format: date-time
       * @description When.
       */
      at: string;
      /** @description On which call. */
      call_id?: string | null;
      /** @description The particulars. */
      data: Record<string, never>;
      /** @description The API key that acted for them. */
      key?: string | null;
      /**
       * Format: int64
       * @description Counts over all the tenant's entries, from 1 and without holes.
       */
      seq: number;
      /** @description What it was done to: an id, a number, a route. */
      target?: string | null;
      user?: components["schemas"]["Person"] | null;
    };
    /** @description A page of the audit log. */
    AuditPage: {
      /** @description Newest first. */
      entries: components["schemas"]["AuditEntry"][];
      /** @description Send it as `cursor` for older entries. `null`: there are none. */
      next_cursor?: string | null;
    };
    /** @description What a bot is asked to do. */
    BotAsked: {
      /** @description Whether it is to be paused. What it does, the call's `bot` says. */
      paused: boolean;
    };
    /** @description The bot that answers the calls of a number. */
    BotSettings:
      | {
          /** @description What the caller hears when it fails; at most 500 characters. */
          fallback?: string | null;
          /** @enum {string} */
          kind: "stream";
          /**
           * @description What its `start` has as `customParameters`: at most 20, with names of 1 to 100 characters and values of at
           *     most 1000.
           */
          parameters?: {
            [key: string]: string;
          };
          /**
           * Format: int32
           * @description Seconds without any message of it, while it should speak, after which it is taken for dead, 1 to 600.
           *     `null`: never.
           */
          stall_seconds?: number | null;
          /**
           * @description `wss:` or `ws:`, without a name and password; at most 1000 characters. Gateways connect to public addresses
           *     with `wss:`, and to what their operator allows beside them.
           * @example wss://bot.example.com/twilio
           */
          url: string;
        }
      | {
          /** @description What the caller hears when it fails; at most 500 characters. */
          fallback?: string | null;
          /** @description What it says first, on its own; at most 500 characters. `null`: it waits for the caller. */
          greeting?: string | null;
          /** @description What it is to be; at most 16,000 characters. */
          instructions?: string;
          /** @enum {string} */
          kind: "open_ai";
          /**
           * @description As the API names it.
           * @example gpt-realtime
           */
          model: string;
          /** @description As the API names it. `null`: its default. */
          voice?: string | null;
        };
    /**
     * @description Figures by what time.
     * @enum {string}
     */
    Bucket: "hour" | "day";
    /** @description A phone call. */
    Call: {
      /**
       * Format: date-time
       * @description When it was answered.
       */
      answered_at?: string | null;
      answered_by?: components["schemas"]["Person"] | null;
      bot?: components["schemas"]["CallBot"] | null;
      /** @description Twilio's. */
      call_sid: string;
      /** @description The customer's name, if somebody or the network gave one. */
      caller_name?: string | null;
      /** @description The customer's number, E.164 where the network gave one. */
      customer_number: string;
      /** @description Who called. */
      direction: components["schemas"]["Direction"];
      /**
       * Format: int64
       * @description Length in seconds, once it is over.
       */
      duration_seconds?: number | null;
      /**
       * Format: date-time
       * @description When it was over.
       */
      ended_at?: string | null;
      /** @description Whether the caller is on hold. */
      held: boolean;
      /**
       * @description Our id.
       * @example call_019a9d5b7c3e7d4a8f21d0c95e7b6a14
       */
      id: string;
      /** @description What the caller wanted. */
      intent?: string | null;
      /** @description Whether a person took care of it. */
      is_handled: boolean;
      /** @description Whether it needs a person soon. */
      is_urgent: boolean;
      /**
       * Format: int64
       * @description How many people hear it now.
       */
      listeners: number;
      /** @description Its audio. */
      media: components["schemas"]["Media"];
      /** @description What people wrote about it. */
      notes?: string | null;
      /** @description Our number. */
      organization_number: string;
      /** @description The same as `customer_number`, for clients that know it by this name. */
      phone_number: string;
      /** @description Whether it waits for a person to answer it in the console. */
      rings: boolean;
      route?: components["schemas"]["Route"] | null;
      /**
       * Format: date-time
       * @description When it began.
       */
      started_at: string;
      /** @description Where it stands. */
      status: components["schemas"]["CallStatus"];
      /** @description What was said, in short. */
      summary?: string | null;
      /** @description Words people put on it. */
      tags: string[];
    };
    /**
     * @description What a call's bot does.
     * @enum {string}
     */
    CallBot: "active" | "paused" | "failed" | "gone";
    /** @description What to change of a call. What is left out stays. */
    CallChange: {
      /** @description At most 200 characters; `null` empties it. */
      caller_name?: string | null;
      /** @description Whether a person took care of it. */
      is_handled?: boolean | null;
      /** @description Whether it needs a person soon. */
      is_urgent?: boolean | null;
      /** @description At most 10,000 characters; `null` empties it. */
      notes?: string | null;
      /** @description At most 20, of at most 50 characters each. */
      tags?: string[] | null;
    };
    /** @description A call with what belongs to it. */
    CallDetail: components["schemas"]["Call"] & {
      /** @description What Twilio recorded of it, oldest first. */
      recordings: components["schemas"]["Recording"][];
    };
    /** @description One event of a call's history. */
    CallEvent: {
      /**
       * Format: date-time
       * @description When.
       */
      at: string;
      /** @description The particulars. */
      data: Record<string, never>;
      /**
       * Format: int64
       * @description Counts from 1 over the call, without holes.
       */
      seq: number;
      /** @description What happened. */
      type: components["schemas"]["EventType"];
    };
    /** @description What happened to a call. */
    CallEvents: {
      /** @description Oldest first; at most 1000, then ask again with `after`. */
      events: components["schemas"]["CallEvent"][];
    };
    /** @description A page of calls. */
    CallPage: {
      /** @description Newest first. */
      calls: components["schemas"]["Call"][];
      /**
       * @description Send it as `cursor` for older calls. `null`: there are none. It may come with fewer calls than asked for,
       *     even none, when few of very many calls pass the filter.
       */
      next_cursor?: string | null;
    };
    /**
     * @description Where a call stands.
     * @enum {string}
     */
    CallStatus: "incoming" | "in_progress" | "completed" | "failed" | "no_answer" | "busy" | "canceled";
    /**
     * @description Who called.
     * @enum {string}
     */
    Direction: "inbound" | "outbound";
    /** @description What a caller is told, by Twilio's voice. */
    Disclosure: {
      /**
       * @description Their language, as Twilio names it. `null`: Twilio's own, `en-US`.
       * @example en-GB
       */
      language?: string | null;
      /**
       * @description The words; 1 to 500 characters.
       * @example This call may be listened to for training.
       */
      text: string;
      /**
       * @description The voice, as Twilio names it. `null`: Twilio's own.
       * @example Polly.Amy
       */
      voice?: string | null;
    };
    /** @description How many calls lasted how long. */
    Durations: {
      /**
       * Format: int64
       * @description 15 minutes or longer.
       */
      longer: number;
      /**
       * Format: int64
       * @description From there less than 15 minutes.
       */
      under_15_minutes: number;
      /**
       * Format: int64
       * @description From there less than 2 minutes.
       */
      under_2_minutes: number;
      /**
       * Format: int64
       * @description Less than 30 seconds.
       */
      under_30_seconds: number;
      /**
       * Format: int64
       * @description From there less than 5 minutes.
       */
      under_5_minutes: number;
    };
    /**
     * @description What happened to a call.
     * @enum {string}
     */
    EventType:
      | "call.incoming"
      | "call.answered"
      | "call.updated"
      | "call.ended"
      | "call.deleted"
      | "call.media"
      | "session.started"
      | "session.changed"
      | "session.ended"
      | "transcript.final"
      | "message.sent"
      | "alert.raised";
    /** @description Figures of some calls. */
    Figures: {
      /**
       * Format: int64
       * @description Of them were answered.
       */
      answered: number;
      /**
       * Format: double
       * @description Their mean. `null`: none was answered and is over.
       */
      average_duration_seconds?: number | null;
      /** @description How many stand where, by status. */
      by_status: {
        [key: string]: number;
      };
      /**
       * Format: int64
       * @description How many began.
       */
      calls: number;
      /** @description How long those lasted that were answered and are over. */
      durations: components["schemas"]["Durations"];
      /**
       * Format: int64
       * @description Of them somebody took care of.
       */
      handled: number;
      /**
       * Format: int64
       * @description Of them are over, and nobody took care of them.
       */
      needs_attention: number;
      /**
       * Format: int64
       * @description Seconds from answer to end, together.
       */
      talk_seconds: number;
    };
    /** @description A person's open connection to a call, and how it is heard. */
    Hearing: components["schemas"]["Listener"] & {
      quality?: components["schemas"]["Quality"] | null;
    };
    /** @description Whether a caller is on hold. */
    Hold: {
      /** @description On hold the caller hears comfort tone and no agent, and agents do not hear the caller. */
      held: boolean;
    };
    /** @description Leave to become one of the tenant's people. */
    Invitation: {
      /**
       * Format: date-time
       * @description Since when.
       */
      created_at: string;
      /** @description What the person will sign in with. */
      email: string;
      /**
       * Format: date-time
       * @description Until when it can be accepted.
       */
      expires_at: string;
      /**
       * @description What its token begins with.
       * @example inv_0123456789abcdef
       */
      id: string;
      /** @description What they will be allowed to do. */
      role: components["schemas"]["Role"];
    };
    /** @description Who accepts. */
    InvitationAccept: {
      /** @description At most 100 characters. */
      name: string;
      /** @description At least 8 characters. */
      password: string;
      /** @description What stands behind the `#` of the link. */
      token: string;
    };
    /** @description Whom to invite. */
    InvitationCreate: {
      /** @description What they will sign in with. */
      email: string;
      /** @description What they will be allowed to do. */
      role: components["schemas"]["Role"];
    };
    /** @description An invitation that was made just now. */
    InvitationCreated: components["schemas"]["Invitation"] & {
      /**
       * @description The link for the person invited: good once. It is shown here and never again; no mail is sent.
       * @example https://calls.example.com/invitation#inv_…
       */
      link: string;
    };
    /** @description The tenant's invitations. */
    Invitations: {
      /** @description Those that can still be accepted, oldest first; at most 1000. */
      invitations: components["schemas"]["Invitation"][];
    };
    /** @description An API key to make. */
    KeyCreate: {
      /**
       * Format: date-time
       * @description Until when it is good (RFC 3339). Left out: until it is revoked.
       */
      expires_at?: string | null;
      /** @description What it is for; 1 to 100 characters. */
      name: string;
      /** @description What it may do; at least one. */
      scopes: components["schemas"]["Scope"][];
    };
    /** @description An API key that was made just now. */
    KeyCreated: components["schemas"]["ApiKey"] & {
      /**
       * @description The key, to be sent as `Authorization: Bearer`. It is shown here and never again.
       * @example plk_0123456789abcdef_…
       */
      key: string;
    };
    /** @description Keys to send. */
    Keys: {
      /**
       * @description `0` to `9`, `*`, `#`, `A` to `D`, and `w` for half a second of silence; 1 to 32.
       * @example 1w2#
       */
      digits: string;
    };
    /** @description A person's open connection to a call. */
    Listener: {
      /** @description The session. */
      id: string;
      /** @description What the connection may do. */
      mode: components["schemas"]["Mode"];
      /** @description On which side of the call they are. */
      side?: components["schemas"]["Side"];
      /**
       * Format: date-time
       * @description Since when it carries audio.
       */
      since: string;
      /** @description Who. */
      user: components["schemas"]["Person"];
    };
    /** @description Who hears a call. */
    Listeners: {
      /** @description Longest first; at most 1000. */
      listeners: components["schemas"]["Hearing"][];
    };
    /** @description What a live socket sends for each event. */
    LiveEvent: {
      /**
       * Format: date-time
       * @description When.
       */
      at: string;
      call?: components["schemas"]["Call"] | null;
      /** @description The call. */
      call_id: string;
      /** @description The particulars, of any other event. */
      data?: Record<string, never> | null;
      /**
       * Format: int64
       * @description Counts over all the tenant's events, without holes: what `?since=` takes.
       */
      seq: number;
      /** @description The session, of a session event. */
      session?: Record<string, never> | null;
      /** @description What happened. */
      type: components["schemas"]["EventType"];
    };
    /** @description What a live socket sends first. */
    LiveSnapshot: {
      /**
       * Format: date-time
       * @description When it was taken.
       */
      at: string;
      /** @description The calls that are not over. */
      calls: components["schemas"]["Call"][];
      /**
       * @description Whether every event since the asked-for number follows. `false`: some may be missing, and what the
       *     client knew before should be asked for again.
       */
      resumed: boolean;
      /**
       * Format: int64
       * @description Events after this number follow.
       */
      seq: number;
      /** @description `snapshot`. */
      type: components["schemas"]["SnapshotWord"];
    };
    /** @description E-mail and password. */
    Login: {
      /** @description The e-mail, whatever its case. */
      email: string;
      /** @description The password. */
      password: string;
    };
    /** @description A call's audio. */
    Media: {
      /** @description The gateway that holds it. */
      gateway?: string | null;
      /** @description Whether it arrives now, so that somebody can listen. */
      live: boolean;
      /** @description The voices of the newest stream: `inbound` is the caller, `outbound` the agent side. */
      tracks: string[];
    };
    /** @description Something that was said or sent in a call. */
    Message: {
      /** @description The call. */
      call_id: string;
      /**
       * Format: double
       * @description How sure it is that this was said, 0 to 1. `null`: nobody says.
       */
      confidence?: number | null;
      /** @description What; at most 4000 characters. */
      content: string;
      /**
       * Format: date-time
       * @description When it began.
       */
      created_at: string;
      /** @description Its language (BCP 47), if that is known. */
      detected_language?: string | null;
      /**
       * Format: int64
       * @description Counts from 1 over the call, without holes.
       */
      id: number;
      /** @description Whether it stays so. `false`: it is still being said. */
      is_final: boolean;
      /** @description How it came to be. */
      message_type: components["schemas"]["MessageType"];
      outcome?: components["schemas"]["Outcome"] | null;
      /** @description The line that `POST …/say` began, if it is one. */
      say_id?: string | null;
      /** @description Who, if that is known. */
      sender_name?: string | null;
      /** @description Which side it is of. */
      sender_type: components["schemas"]["Sender"];
      /**
       * Format: date-time
       * @description When it last changed.
       */
      updated_at: string;
    };
    /**
     * @description How a message came to be.
     * @enum {string}
     */
    MessageType: "transcript" | "tts_audio";
    /** @description What was said and sent in a call. */
    Messages: {
      /** @description Oldest first; at most 1000, then ask again with `after`. */
      messages: components["schemas"]["Message"][];
    };
    /** @description How one can sign in here. */
    Methods: {
      oidc?: components["schemas"]["OidcMethod"] | null;
      /** @description With e-mail and password: always. */
      password: boolean;
    };
    /**
     * @description What a person's connection may do.
     * @enum {string}
     */
    Mode: "listen" | "whisper" | "join" | "takeover";
    /** @description What a connection is, or will be, allowed. */
    ModeAsked: {
      /** @description The session. */
      id: string;
      /** @description What was asked for. */
      mode: components["schemas"]["Mode"];
    };
    /** @description What a connection shall be allowed. */
    ModeChange: {
      /** @description What it may do. */
      mode: components["schemas"]["Mode"];
    };
    /** @description A phone number of the organization. */
    Number: {
      /**
       * Format: date-time
       * @description Since when it is known.
       */
      created_at: string;
      /** @description Whether a bot answers. */
      has_bot: boolean;
      /** @description What people call it. */
      label: string;
      /**
       * @description E.164.
       * @example +15550100
       */
      number: string;
      /** @description What its TwiML does. */
      route: components["schemas"]["Route"];
      /** @description The particulars. */
      settings: components["schemas"]["NumberSettings"];
    };
    /** @description A number to add. */
    NumberCreate: {
      /** @description What people call it; at most 100 characters. */
      label?: string;
      /** @description E.164. */
      number: string;
      route?: components["schemas"]["Route"] | null;
      /** @description The particulars. */
      settings?: components["schemas"]["NumberSettings"];
    };
    /** @description What to change of a number. What is left out stays. */
    NumberPatch: {
      /** @description What people call it; at most 100 characters. */
      label?: string | null;
      route?: components["schemas"]["Route"] | null;
      settings?: components["schemas"]["NumberSettings"] | null;
    };
    /** @description The particulars of a number. */
    NumberSettings: {
      bot?: components["schemas"]["BotSettings"] | null;
      /** @description Whom a call rings, E.164. Route `monitor` dials it at once, route `agent` after its stream. */
      dial?: string | null;
      disclosure?: components["schemas"]["Disclosure"] | null;
      waiting?: components["schemas"]["Waiting"] | null;
    };
    /** @description The tenant's numbers. */
    Numbers: {
      /** @description In order. */
      numbers: components["schemas"]["Number"][];
    };
    /** @description A provider to sign in with. */
    OidcMethod: {
      /**
       * @description What people know it by.
       * @example Acme account
       */
      name: string;
    };
    /**
     * @description What became of a line that was written to be spoken.
     * @enum {string}
     */
    Outcome: "spoken" | "interrupted" | "failed" | "call_ended" | "unknown";
    /** @description A password in place of another. */
    PasswordChange: {
      /** @description At least 8 characters. */
      new: string;
      /** @description The password until now. */
      old: string;
    };
    /** @description A person, in short. */
    Person: {
      /** @description Their id. */
      id: string;
      /** @description Their name. */
      name: string;
    };
    /** @description Figures of the calls that began in one bucket. */
    Point: components["schemas"]["Figures"] & {
      /**
       * Format: date-time
       * @description When it begins.
       */
      at: string;
    };
    /** @description An error as it travels: `application/problem+json`. */
    Problem: {
      /**
       * @description What programs compare. Stable.
       * @example not_found
       */
      code: string;
      /** @description What is wrong this time, for the client's developer. */
      detail: string;
      /**
       * Format: int32
       * @description The HTTP status.
       * @example 404
       */
      status: number;
      /** @description The phrase of the status. */
      title: string;
      /** @description A URI that names the kind of problem; ends in `code`. */
      type: string;
    };
    /**
     * @description How a listener is heard, as far as the gateway can know: by the browser's reports and the gateway's own clock.
     *     What the browser holds back in its jitter buffer, mostly 20 to 100 ms, is in none of the times.
     */
    Quality: {
      /**
       * Format: double
       * @description From Twilio's frame to the browser: the gateway's own latency and half the round trip.
       */
      behind_ms?: number | null;
      /**
       * Format: double
       * @description How unevenly packets arrive (RFC 3550).
       */
      jitter_ms: number;
      /**
       * Format: double
       * @description Part of the packets that was lost between the browser's last two reports, 0 to 1.
       */
      loss_ratio: number;
      /**
       * Format: double
       * @description Part of all packets that was lost, 0 to 1.
       */
      loss_ratio_total: number;
      /**
       * Format: double
       * @description How it sounds, 1 (bad) to 4.5: the E-model's estimate (ITU-T G.107) from delay, jitter and loss. 4.4 is
       *     the best a telephone can be.
       */
      mos?: number | null;
      /**
       * Format: int64
       * @description Packets sent to it.
       */
      packets: number;
      /**
       * Format: date-time
       * @description When the browser reported.
       */
      reported_at: string;
      /**
       * Format: double
       * @description To the browser and back. `null`: not known yet.
       */
      round_trip_ms?: number | null;
    };
    /** @description A recording that Twilio made and keeps. */
    Recording: {
      /**
       * Format: int64
       * @description 1, or 2 with each side in one.
       */
      channels?: number | null;
      /**
       * Format: date-time
       * @description When it was first heard of.
       */
      created_at: string;
      /**
       * Format: int64
       * @description Its length in seconds, once it is over.
       */
      duration_seconds?: number | null;
      /**
       * Format: int64
       * @description Why there is none: Twilio's number for it.
       */
      error_code?: number | null;
      /** @description Twilio's id. */
      sid: string;
      /**
       * @description In Twilio's words: `in-progress`, `completed`, `absent`, `failed`.
       * @example completed
       */
      status: string;
      /** @description Where Twilio has the audio, for whoever has the account's token. */
      url?: string | null;
    };
    /**
     * @description What a person may do.
     * @enum {string}
     */
    Role: "admin" | "supervisor" | "agent" | "viewer";
    /**
     * @description What a number's TwiML does.
     * @enum {string}
     */
    Route: "monitor" | "conference" | "agent";
    /** @description What to say. */
    Say: {
      /**
       * @description Their language (BCP 47). `null`: the provider's default.
       * @example en-GB
       */
      language?: string | null;
      /** @description The words; 1 to 2000 characters. */
      text: string;
      /** @description The provider's name for a voice. `null`: its default. */
      voice?: string | null;
    };
    /** @description A line that will be spoken. */
    SayQueued: {
      /** @description The line. */
      id: string;
      /**
       * Format: int64
       * @description The number of its message, which is final when the line is over.
       */
      message_id: number;
    };
    /**
     * @description What an API key may do.
     * @enum {string}
     */
    Scope: "calls:read" | "calls:write" | "calls:listen" | "calls:speak" | "numbers:read" | "numbers:write";
    /**
     * @description Which side of the call a message is of.
     * @enum {string}
     */
    Sender: "customer" | "agent";
    /** @description Leave to open a connection. */
    SessionGrant: {
      /**
       * Format: date-time
       * @description Until when the token opens a connection.
       */
      expires_at: string;
      /** @description STUN and TURN servers. None are needed: the gateway has a public address. */
      ice_servers: Record<string, never>[];
      /** @description The session. */
      id: string;
      /** @description What the connection may do. */
      mode: components["schemas"]["Mode"];
      /** @description On which side of the call. `agent`: the call is the caller's own. */
      side: components["schemas"]["Side"];
      /** @description The bearer token of that POST. Good once. */
      token: string;
      /** @description Where to POST the SDP offer (WHEP). */
      whep_url: string;
    };
    /** @description What kind of connection to open. */
    SessionOpen: {
      /** @description What it may do. */
      mode: components["schemas"]["Mode"];
      /** @description For the record; at most 2000 characters. */
      notes?: string | null;
      /** @description Why, for the record; at most 200 characters. */
      reason?: string | null;
    };
    /**
     * @description On which side of a call a person is.
     * @enum {string}
     */
    Side: "beside" | "agent";
    /** @description An access token and whose it is. */
    SignedIn: {
      /** @description Send it as `Authorization: Bearer`. */
      access_token: string;
      /**
       * Format: int64
       * @description Seconds until it expires. Refresh before that.
       * @example 600
       */
      expires_in: number;
      /**
       * @description `Bearer`.
       * @example Bearer
       */
      token_type: string;
      /** @description Who signed in. */
      user: components["schemas"]["User"];
    };
    /**
     * @description The word `snapshot`.
     * @enum {string}
     */
    SnapshotWord: "snapshot";
    /** @description Figures of a tenant's calls. */
    Stats: {
      /**
       * Format: int64
       * @description Not over.
       */
      active: number;
      /**
       * Format: double
       * @description Mean length of those that were answered and are over, in seconds.
       */
      average_duration_seconds?: number | null;
      /**
       * Format: int64
       * @description Over, and nobody took care of it.
       */
      needs_attention: number;
      /**
       * Format: int64
       * @description Begun since midnight UTC.
       */
      today: number;
      /**
       * Format: int64
       * @description All of them.
       */
      total: number;
    };
    /** @description Why a call is taken over. */
    Takeover: {
      /** @description For the record; at most 2000 characters. */
      notes?: string | null;
      /** @description For the record; at most 200 characters. */
      reason?: string | null;
    };
    /** @description A customer of this installation. */
    Tenant: {
      /** @description Its id. */
      id: string;
      /** @description Its name. */
      name: string;
    };
    /** @description What to change of the tenant. What is left out stays, in `settings` too; `null` there takes a setting back. */
    TenantChange: {
      /** @description 1 to 100 characters. */
      name?: string | null;
      settings?: components["schemas"]["TenantSettings"] | null;
    };
    /** @description What a tenant's admins decide for it. */
    TenantSettings: {
      /** @default null */
      disclosure: components["schemas"]["Disclosure"] | null;
      /**
       * Format: int32
       * @description Days after which what is kept of a call that is over is deleted, 1 to 3650, counted from its begin.
       *     `null`: never.
       * @default null
       */
      retention_days: number | null;
      /**
       * @description In which modes people may be heard who are not the call's own agent: of `whisper`, `join` and `takeover`.
       *     `null`: in all of them. Empty: in none.
       * @default null
       */
      speaking_modes: components["schemas"]["Mode"][] | null;
    };
    /** @description The caller's tenant. */
    TenantView: components["schemas"]["Tenant"] & {
      settings?: components["schemas"]["TenantSettings"] | null;
    };
    /** @description A call as a conversation. */
    Transcript: {
      /** @description Oldest first; at most 1000, then ask again with `after`. */
      lines: components["schemas"]["TranscriptLine"][];
    };
    /** @description A line of a conversation. */
    TranscriptLine: {
      /**
       * Format: date-time
       * @description When it began.
       */
      at: string;
      /**
       * Format: double
       * @description How sure it is that this was said, 0 to 1. `null`: nobody says.
       */
      confidence?: number | null;
      /**
       * Format: int64
       * @description The number of its message.
       */
      id: number;
      /** @description Whether it stays so. `false`: it is still being said. */
      is_final: boolean;
      /** @description Its language (BCP 47), if that is known. */
      language?: string | null;
      /** @description Their name, if that is known. */
      name?: string | null;
      /** @description Who speaks. */
      speaker: components["schemas"]["Sender"];
      /** @description What they say. */
      text: string;
    };
    /** @description To whom to put the caller through. */
    Transfer: {
      /** @description How. */
      kind: components["schemas"]["TransferKind"];
      /**
       * @description Their number, E.164.
       * @example +15550100
       */
      to: string;
    };
    /**
     * @description How a caller is put through.
     * @enum {string}
     */
    TransferKind: "cold" | "warm";
    /** @description A person who signs in. */
    User: {
      /** @description What they sign in with. */
      email: string;
      /** @description Their id. */
      id: string;
      /** @description Their name. */
      name: string;
      /** @description What they may do. */
      role: components["schemas"]["Role"];
      /** @description Whom they work for. */
      tenant: components["schemas"]["Tenant"];
    };
    /** @description What to change of a person. What is left out stays. */
    UserChange: {
      /** @description `true` ends what they have open and lets them sign in no more. */
      disabled?: boolean | null;
      /** @description At most 100 characters. */
      name?: string | null;
      role?: components["schemas"]["Role"] | null;
    };
    /** @description A person to add. */
    UserCreate: {
      /** @description What they sign in with. */
      email: string;
      /** @description At most 100 characters. */
      name: string;
      /** @description At least 8 characters. */
      password: string;
      /** @description What they may do. */
      role: components["schemas"]["Role"];
    };
    /** @description The tenant's people. */
    Users: {
      /** @description By name; at most 1000. */
      users: components["schemas"]["User"][];
    };
    /** @description What callers hear who wait for a person, and for how long they do. */
    Waiting: {
      /**
       * Format: int32
       * @description Seconds from one time to the next, 5 to 300; 20 unless given.
       */
      every_seconds?: number;
      /**
       * Format: int32
       * @description Seconds after which nobody will answer, 5 to 3600: then `dial` rings, or the call ends. 120 unless given.
       */
      give_up_seconds?: number;
      /**
       * @description The language of the text (BCP 47). `null`: the voice's own.
       * @example en-GB
       */
      language?: string | null;
      /**
       * @description What they are told at once and again and again, by the gateway's voice; at most 500 characters. `null`: in
       *     English, to wait. Empty: nothing.
       */
      text?: string | null;
      /** @description The provider's name for a voice. `null`: its default. */
      voice?: string | null;
    };
  };
  responses: never;
  parameters: never;
  requestBodies: never;
  headers: never;
  pathItems: never;
}
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
