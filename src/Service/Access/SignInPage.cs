using System.Text;
using Workflows.Activities.Reporting;
using Workflows.Service.Dashboard;
using Workflows.Service.Runs;

namespace Workflows.Service.Access;

/// <summary>The page on which a person pastes a key: no script, and nothing of the caller's in it.</summary>
/// <param name="problem">The reason why it is shown again.</param>
internal sealed class SignInPage(SignInPage.Problem problem) : IResult
{
    private const string Policy =
        "default-src 'none'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; "
        + "frame-ancestors 'none'";

    private static readonly PageWords English = new(
        "en", "Sign in", "API key or identity token",
        "It is exchanged for a session of this browser.", "This key or token is not valid here, or no longer.",
        "No key? On the service's machine:");

    private static readonly PageWords Korean = new(
        "ko", "로그인", "API 키 또는 ID 토큰",
        "키나 토큰은 이 브라우저의 세션으로 바뀝니다.",
        "이 키나 토큰은 이 서비스에서 유효하지 않거나 만료되었습니다.", "키가 없습니까? 서비스가 있는 컴퓨터에서:");

    /// <summary>The reasons to show the page.</summary>
    public enum Problem
    {
        /// <summary>The caller has no session.</summary>
        None,

        /// <summary>The key was refused.</summary>
        WrongKey,
    }

    public async Task ExecuteAsync(HttpContext httpContext)
    {
        var words = RequestLanguage.Of(httpContext.Request) == Language.Korean ? Korean : English;
        var response = httpContext.Response;
        DashboardEndpoints.Harden(response, Policy);
        response.StatusCode = StatusCodes.Status401Unauthorized;
        response.ContentType = "text/html; charset=utf-8";
        response.Headers.CacheControl = "no-store";
        response.Headers.Vary = "Accept-Language, Cookie";
        response.Headers.WWWAuthenticate = "Bearer realm=\"workflows\"";
        var alert = problem == Problem.None ? "" : $"<p role=\"alert\" class=\"failed\">{words.Wrong}</p>\n";
        await response.Body.WriteAsync(
            Encoding.UTF8.GetBytes($"""
                <!DOCTYPE html>
                <html lang="{words.Language}">
                <head>
                  <meta charset="utf-8">
                  <meta name="viewport" content="width=device-width, initial-scale=1">
                  <meta name="color-scheme" content="light dark">
                  <title>Workflows: {words.Title}</title>
                  <link rel="icon" href="data:,">
                  <link rel="stylesheet" href="/dashboard/dashboard.css">
                </head>
                <body>
                  <header><span class="brand">Workflows</span></header>
                  <main>
                    <h1>{words.Title}</h1>
                    <section>
                      <p class="soft">{words.Why}</p>
                      <form method="post" action="/session">
                        <label>{words.Key}
                          <input name="key" type="password" autocomplete="current-password" required autofocus
                            size="40" maxlength="4096" spellcheck="false">
                        </label>
                        <button class="first">{words.Title}</button>
                      </form>
                      {alert}<p>{words.NoKey} <code>workflows keys make NAME --role runner</code></p>
                    </section>
                  </main>
                </body>
                </html>

                """), httpContext.RequestAborted);
    }

    private sealed record PageWords(string Language, string Title, string Key, string Why, string Wrong, string NoKey);
}
