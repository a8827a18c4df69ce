using Google.Apis.Auth.OAuth2;

namespace Workflows.GoogleCloud.Connections;

/// <summary>
/// Application Default Credentials with the scope of all of Google Cloud, as headers for every request:
/// <c>authorization</c>, and <c>x-goog-user-project</c> if a project is to be charged for quota.
/// </summary>
public sealed class GoogleCredentials
{
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
        var found = await GoogleCredential.GetApplicationDefaultAsync(cancellationToken);
        return new GoogleCredentials(found.CreateScoped(Scope), quotaProject);
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
