using Azure.Core;

namespace Microsoft.DurableTask.Connection;

/// <summary>A bearer token that is renewed before it expires. Concurrent calls without a token share one
/// request.</summary>
internal sealed class AccessTokenCache(TokenCredential credential, string resourceId, TimeProvider time) : IDisposable
{
    private static readonly TimeSpan Margin = TimeSpan.FromMinutes(5);

    private readonly TokenRequestContext _request = new([$"{resourceId}/.default"]);
    private readonly SemaphoreSlim _fetching = new(1);
    private AccessToken? _token;

    public async ValueTask<string> GetAsync(CancellationToken cancellation)
    {
        if (IsFresh)
        {
            return _token!.Value.Token;
        }

        await _fetching.WaitAsync(cancellation);
        try
        {
            if (!IsFresh)
            {
                _token = await credential.GetTokenAsync(_request, cancellation);
            }

            return _token!.Value.Token;
        }
        finally
        {
            _fetching.Release();
        }
    }

    public void Dispose() => _fetching.Dispose();

    private bool IsFresh => _token is { } token
        && time.GetUtcNow() + Margin < token.ExpiresOn
        && (token.RefreshOn is not { } refresh || time.GetUtcNow() < refresh);
}
