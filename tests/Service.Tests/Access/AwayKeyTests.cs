using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Service.Access;
using Workflows.Service.Database;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Access;

/// <summary>Keys in a database that is away are not damaged: callers try again, and change nothing.</summary>
public sealed class AwayKeyTests : IAsyncLifetime
{
    private readonly Content _content = new();
    private readonly KeyedService _keyed;

    public AwayKeyTests() => _keyed = new KeyedService
    {
        Service = new RunningService
        {
            Change = services => services.AddSingleton(new KeyFile(_content, TimeProvider.System)),
        },
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync() => _keyed.InitializeAsync();

    public ValueTask DisposeAsync() => _keyed.DisposeAsync();

    [Fact]
    public async Task Request_WhileTheDatabaseOfTheKeysIsAway_IsToldSoForKeysAndSessions()
    {
        using var browser = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false })
        {
            BaseAddress = _keyed.Nobody.BaseAddress,
        };
        using var form = new FormUrlEncodedContent(
            [KeyValuePair.Create("key", _keyed.Keys[AccessRole.Admin])]);
        using var signIn = await browser.PostAsync("/session", form, Cancellation);
        Assert.Equal(HttpStatusCode.SeeOther, signIn.StatusCode);

        _content.IsAway = true;
        using var byKey = await _keyed.SendAsync("GET", "/runs", AccessRole.Admin);
        using var bySession = await browser.GetAsync("/runs", Cancellation);
        _content.IsAway = false;
        using var later = await browser.GetAsync("/runs", Cancellation);

        foreach (var answer in new[] { byKey, bySession })
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            var text = await answer.Content.ReadAsStringAsync(Cancellation);
            Assert.Contains("STATE_UNAVAILABLE", text, StringComparison.Ordinal);
            Assert.DoesNotContain("KEYS_UNREADABLE", text, StringComparison.Ordinal);
        }

        Assert.Equal(HttpStatusCode.OK, later.StatusCode);
    }

    private sealed class Content : IKeyContent
    {
        private byte[]? _bytes;
        private long _changes;

        public bool IsAway { get; set; }

        public string Place => "the database";

        public string Fix => "Start it.";

        public (long, long) Stamp => IsAway
            ? throw new DatabaseException("It is away.", new TimeoutException()) : (_changes, 0);

        public byte[]? Read() => _bytes;

        public Task ChangeAsync(Func<byte[]?, byte[]> change, CancellationToken cancellation)
        {
            (_bytes, _changes) = (change(_bytes), _changes + 1);
            return Task.CompletedTask;
        }
    }
}
