using System.Net.Http.Headers;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Service.Access;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Access;

/// <summary>A running service that asks for keys, and a key of each role.</summary>
public class KeyedService : IAsyncLifetime
{
    public RunningService Service { get; init; } = new();

    /// <summary>Gets a value indicating whether callers without a key may ask often.</summary>
    protected virtual bool ManyStrangers => false;

    /// <summary>Gets a client without a key.</summary>
    public HttpClient Nobody { get; private set; } = new();

    public IReadOnlyDictionary<AccessRole, string> Keys { get; private set; } = new Dictionary<AccessRole, string>();

    public KeyFile File => Service.Services.GetRequiredService<KeyFile>();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        Service.Settings.Access.Authentication = true;
        if (ManyStrangers)
        {
            Service.Settings.Access.StrangerCallsPerMinute = 10_000;
        }

        await Service.InitializeAsync();
        var keys = new Dictionary<AccessRole, string>();
        foreach (var role in Enum.GetValues<AccessRole>())
        {
            keys[role] = (await File.MakeAsync($"the-{role}", role, null, CancellationToken.None)).Text;
        }

        Keys = keys;
        Nobody = new HttpClient { BaseAddress = Service.Http.BaseAddress };
        Service.Http.DefaultRequestHeaders.Authorization =
            new AuthenticationHeaderValue("Bearer", keys[AccessRole.Admin]);
    }

    public ValueTask DisposeAsync()
    {
        Nobody.Dispose();
        GC.SuppressFinalize(this);
        return Service.DisposeAsync();
    }

    /// <summary>Sends a request with a key, or with any other value of the header Authorization.</summary>
    public async Task<HttpResponseMessage> SendAsync(string method, string path, string? authorization)
    {
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (authorization is not null)
        {
            request.Headers.TryAddWithoutValidation("Authorization", authorization);
        }

        return await Nobody.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, Cancellation);
    }

    public Task<HttpResponseMessage> SendAsync(string method, string path, AccessRole role) =>
        SendAsync(method, path, $"Bearer {Keys[role]}");

    /// <summary>A client that sends a key with each request.</summary>
    public HttpClient ClientOf(AccessRole role) => new()
    {
        BaseAddress = Nobody.BaseAddress,
        DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", Keys[role]) },
    };
}
