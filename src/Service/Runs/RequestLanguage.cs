using Workflows.Activities.Reporting;

namespace Workflows.Service.Runs;

/// <summary>Chooses the language of a page.</summary>
internal static class RequestLanguage
{
    /// <summary>Returns the language that a request asks for, as <see cref="Of"/> does.</summary>
    /// <param name="request">The request.</param>
    /// <exception cref="RunRequestException"><c>?lang=</c> names another language.</exception>
    public static Language Asked(HttpRequest request) =>
        request.Query.TryGetValue("lang", out var given) && Words.Find(given) is null
            ? throw new RunRequestException([new FieldError(
                "lang", $"'{SafeText.Of(given, 50)}' is no language of the report.",
                "Use en or ko, or leave it out: Accept-Language is read then.")])
            : Of(request);

    /// <summary>Returns the language of <c>?lang=</c>, or the one that <c>Accept-Language</c> prefers.</summary>
    /// <param name="request">The request.</param>
    /// <returns>English, where neither language is asked for.</returns>
    public static Language Of(HttpRequest request)
    {
        if (Words.Find(request.Query["lang"]) is { } chosen)
        {
            return chosen;
        }

        var (korean, english) = (0.0, 0.0);
        foreach (var each in request.GetTypedHeaders().AcceptLanguage)
        {
            var quality = each.Quality ?? 1;
            switch (Words.Find(each.Value.Value))
            {
                case Language.Korean:
                    korean = Math.Max(korean, quality);
                    break;
                case Language.English:
                    english = Math.Max(english, quality);
                    break;
            }
        }

        return korean > english ? Language.Korean : Language.English;
    }
}
