using Google.Apis.Auth.OAuth2;

namespace Workflows.GoogleCloud.Connections;

/// <summary>
/// Application Default Credentials with the scope of all of Google Cloud, as headers for every request:
/// <c>authorization</c>, and <c>x-goog-user-project</c> if a project is to be charged for quota.
/// </summary>
public sealed class GoogleCredentials
{
    private const long MostKeyBytes = 1 << 20;
    private const string Scope = "https://www.googleapis.com/auth/cloud-platform";
    private readonly ITokenAccessWithHeaders _source;

    internal GoogleCredentials(GoogleCredential credential, string? quotaProject) =>
        _source = quotaProject is null ? credential : credential.CreateWithQuotaProject(quotaProject);

    /// <summary>Finds Application Default Credentials.</summary>
    /// <param name="quotaProject">
    /// Id of the project that is charged for quota; null for the one that the credentials or the variable
    /// GOOGLE_CLOUD_QUOTA_PROJECT name, if any.
    /// </param>
    /// <param name="cancellationToken">Cancels the search.</param>
    /// <returns>The credentials.</returns>
    /// <exception cref="InvalidOperationException">There are none.</exception>
    public static async Task<GoogleCredentials> FindAsync(string? quotaProject, CancellationToken cancellationToken)
    {
        RequireKeyFile(Environment.GetEnvironmentVariable("GOOGLE_APPLICATION_CREDENTIALS"));
        var found = await GoogleCredential.GetApplicationDefaultAsync(cancellationToken);
        return new GoogleCredentials(found.CreateScoped(Scope), quotaProject);
    }

    /// <summary>
    /// Refuses a key file that the library would wait for (a pipe), read without end (a device), or not name as the
    /// fault (a folder).
    /// </summary>
    internal static void RequireKeyFile(string? path)
    {
        if (path is not { Length: > 0 })
        {
            return;
        }

        string? problem;
        try
        {
            problem = Directory.Exists(path) ? "is a folder"
                : new FileInfo(path) is { Exists: false, LinkTarget: null } ? "does not exist"
                : Problem(File.ResolveLinkTarget(path, returnFinalTarget: true) as FileInfo ?? new FileInfo(path));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Such as links that lead in a circle.
            problem = $"cannot be read ({exception.Message.TrimEnd('.')})";
        }

        if (problem is not null)
        {
            throw new InvalidOperationException(
                $"The key file '{path}', which GOOGLE_APPLICATION_CREDENTIALS names, {problem}.");
        }

        // Pipes and devices have no length.
        static string? Problem(FileInfo file) => !file.Exists ? "does not exist"
            : file.Length == 0 ? "is empty, or no regular file"
            : file.Length > MostKeyBytes ? $"has {file.Length} bytes, {MostKeyBytes} at most"
            : null;
    }

    /// <summary>Gets the headers for one request, with a token that is renewed when it is about to expire.</summary>
    /// <param name="address">Address of the request, or of the service; some credentials sign for it.</param>
    /// <param name="cancellationToken">Cancels the renewal.</param>
    /// <returns>Names in lower case with their values.</returns>
    public async Task<IReadOnlyList<KeyValuePair<string, string>>> HeadersAsync(
        string address, CancellationToken cancellationToken)
    {
        var token = await _source.GetAccessTokenWithHeadersForRequestAsync(address, cancellationToken);
        return
        [
            new("authorization", $"Bearer {token.AccessToken}"),
            .. token.Headers.SelectMany(header => header.Value.Select(
                value => KeyValuePair.Create(header.Key.ToLowerInvariant(), value))),
        ];
    }
}
