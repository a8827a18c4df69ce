using System.Text.RegularExpressions;

namespace Workflows.Service.Logs;

/// <summary>Takes credentials out of a text that somebody else may read.</summary>
internal static partial class SecretText
{
    private const string Hidden = "[secret]";

    /// <summary>Fewest characters of a secret that is searched for: a shorter one is part of ordinary words.</summary>
    private const int FewestOfSecret = 8;

    private static readonly Lock Changes = new();

    // A token of the Hub in the service's own environment has no form that tells it from other words for sure.
    private static string[] _own = Environment.GetEnvironmentVariable("HF_TOKEN") is { Length: >= FewestOfSecret } token
        ? [token] : [];

    /// <summary>Notes a secret of the service that has no form of its own, such as one of a secret store.</summary>
    /// <param name="secret">The secret; one of fewer than 8 characters is not noted.</param>
    public static void Hide(string secret)
    {
        lock (Changes)
        {
            if (secret.Length >= FewestOfSecret && !_own.Contains(secret, StringComparer.Ordinal))
            {
                // The longest first: a secret that contains another one is hidden as a whole.
                Volatile.Write(ref _own, [.. _own.Append(secret).OrderByDescending(each => each.Length)]);
            }
        }
    }

    /// <summary>Returns a text of any length as that of a line: without credentials, and cut. It is cut before the
    /// search, too, whose time grows with the length.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="secret">A secret of the text's author; null for none.</param>
    public static string Line(string text, string? secret = null)
    {
        // Longer than what is kept, so that a credential at the cut is still whole.
        var shown = Without(text.Length > 2 * RunLogs.MostText ? text[..(2 * RunLogs.MostText)] : text, secret);
        return shown.Length > RunLogs.MostText ? shown[..(RunLogs.MostText - 3)] + "..." : shown;
    }

    /// <summary>Returns the text without keys of this service, tokens and API keys of Google, tokens of the Hub and of
    /// headers, private keys, passwords of connection strings, signatures of signed addresses, the noted secrets, and
    /// the given one.</summary>
    /// <param name="text">Any text.</param>
    /// <param name="secret">A secret of the text's author; null for none.</param>
    public static string Without(string text, string? secret = null)
    {
        var shown = ApiKey().Replace(Known().Replace(text, Hidden), Hidden);
        shown = string.IsNullOrEmpty(secret)
            ? shown : shown.Replace(secret, Hidden, StringComparison.OrdinalIgnoreCase);
        foreach (var own in Volatile.Read(ref _own))
        {
            shown = shown.Replace(own, Hidden, StringComparison.Ordinal);
        }

        return shown;
    }

    // A password ends where its connection string ends it: at a semicolon, or at its quote, which is doubled inside.
    // One without a quote cannot have spaces here, although drivers take them: the rest of a sentence is no password.
    [GeneratedRegex(
        @"wfk_[0-9a-f]{12}_[0-9a-f]+|\bya29\.[\w.-]+|\bhf_[A-Za-z0-9]{8,}|(?<![\w-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*"
            + @"|(?<=\bBearer\s{1,8})[\w.~+/=-]{8,}|-----BEGIN [A-Z ]*PRIVATE KEY-----.*"
            + @"|(?<=\b(?:Password|Pwd|AccountKey|SharedAccessKey)\s?=\s?)"
            + @"(?:""(?:[^""]|"""")*""?|'(?:[^']|'')*'?|[^\s;""'&]+)"
            + @"|(?<=[?&;](?:X-Goog-Signature|X-Amz-Signature|Signature|sig)=)[^\s&#""'<>]+",
        RegexOptions.CultureInvariant | RegexOptions.Singleline | RegexOptions.IgnoreCase)]
    private static partial Regex Known();

    // Google's keys are as long as this, and their case tells them from words.
    [GeneratedRegex(@"(?<![\w-])AIza[\w-]{35}(?![\w-])", RegexOptions.CultureInvariant)]
    private static partial Regex ApiKey();
}
