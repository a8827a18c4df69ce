using System.Collections.Concurrent;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using Microsoft.DurableTask.Client.Grpc;
using Microsoft.DurableTask.Protobuf;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Workflows.Activities.Reporting;
using Workflows.Activities.Spending;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;
using Workflows.Service.Runs;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Runs;

/// <summary>The limits of the whole service by day and month.</summary>
public sealed class SpendLimitsTests : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new("workflows-limits-");
    private readonly FakeTimeProvider _clock = new(new DateTimeOffset(2026, 11, 29, 12, 0, 0, TimeSpan.Zero));
    private readonly ServiceSettings _settings = new() { MaxUsdPerDay = 50 };
    private readonly Engine _engine = new();
    private readonly GrpcDurableTaskClient _client;
    private readonly RunLedger _ledger;
    private readonly SpendBook _book;
    private readonly SpendLimits _limits;

    public SpendLimitsTests()
    {
        _ledger = new RunLedger(_folder.Path, _clock);
        _book = new SpendBook(_ledger, _clock);
        _client = new GrpcDurableTaskClient(
            "test", new GrpcDurableTaskClientOptions { CallInvoker = _engine }, NullLogger.Instance);
        _limits = new SpendLimits(_settings, _book, _ledger, _client, _clock);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Reserve_OfBudgetsThatFillTheDay_RefusesTheNextRunWithEveryFigure()
    {
        await StartAsync("a", 30);
        await StartAsync("b", 20);

        var fault = await Assert.ThrowsAsync<RunRequestException>(() => StartAsync("c", 0.01));

        Assert.Equal("SPEND_LIMIT_REACHED", fault.Code);
        var error = Assert.Single(fault.Errors);
        Assert.Equal("budgetUsd", error.Field);
        Assert.Equal(
            "Workflows:MaxUsdPerDay is 50.00 USD. 0.00 USD are spent in 2026-11-29, and 50.00 USD are reserved by the "
            + "budgets of other runs (a, b): 0.00 USD are left, and this run may still spend 0.01 USD of its budget of "
            + "0.01 USD.", error.Message);
        Assert.Contains("until 2026-11-30 00:00Z, when the next day begins", error.Fix, StringComparison.Ordinal);
        Assert.Contains("raise the service's setting Workflows:MaxUsdPerDay", error.Fix, StringComparison.Ordinal);
        Assert.DoesNotContain(_book.Open(), run => run.RunId == new RunId("c"));
    }

    /// <summary>A run that ends frees the rest of its budget; its cost stays until the day turns over.</summary>
    [Fact]
    public async Task Reserve_AfterARunHasEnded_CountsItsCostAndNotItsBudget()
    {
        await StartAsync("a", 50);
        Rent("a", 12);
        _clock.Advance(TimeSpan.FromHours(1));
        End("a");

        await StartAsync("b", 38);
        await Assert.ThrowsAsync<RunRequestException>(() => StartAsync("c", 0.01));

        var view = await _limits.ViewAsync(Cancellation);
        Assert.Equal((12, 38, 0), (view.Day.SpentUsd, view.Day.ReservedUsd, view.Day.LeftUsd));
        Assert.Equal((12, 38, (double?)null), (view.Month.SpentUsd, view.Month.ReservedUsd, view.Month.LeftUsd));
        Assert.Equal(new RunId("b"), Assert.Single(view.Runs).Id);

        // The unspent budget of a run under way is of the new day, too; the cost of the old day is not.
        _clock.Advance(TimeSpan.FromHours(12));
        await StartAsync("c", 12);
        await Assert.ThrowsAsync<RunRequestException>(() => StartAsync("d", 0.01));
    }

    [Fact]
    public async Task Reserve_OverTheMonth_NamesTheMonthEvenIfTheDayIsOverToo()
    {
        (_settings.MaxUsdPerDay, _settings.MaxUsdPerMonth) = (5, 8);

        _book.Begin(new RunId("other"), 5);

        var both = await Assert.ThrowsAsync<RunRequestException>(() => StartAsync("a", 4));
        var day = await Assert.ThrowsAsync<RunRequestException>(() => StartAsync("a", 3));

        Assert.False(both.IsLasting || day.IsLasting);
        Assert.Contains("Workflows:MaxUsdPerMonth is 8.00 USD", both.Message, StringComparison.Ordinal);
        Assert.Contains("until 2026-12-01 00:00Z, when the next month", both.Message, StringComparison.Ordinal);
        Assert.Contains("Workflows:MaxUsdPerDay is 5.00 USD", day.Message, StringComparison.Ordinal);
    }

    /// <summary>The next day or month has no more money than this one.</summary>
    [Theory]
    [InlineData(9, "Workflows:MaxUsdPerMonth", "8.00")]
    [InlineData(6, "Workflows:MaxUsdPerDay", "5.00")]
    public async Task Reserve_OfMoreThanALimitItself_SaysThatNoWaitHelps(
        double budgetUsd, string setting, string limit)
    {
        (_settings.MaxUsdPerDay, _settings.MaxUsdPerMonth) = (5, 8);

        var refused = await Assert.ThrowsAsync<RunRequestException>(() => StartAsync("a", budgetUsd));

        Assert.True(refused.IsLasting);
        Assert.Contains(
            $"no wait helps: ask for a budget that leaves the run {limit} USD or less, or raise the service's setting "
            + $"{setting}.", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reserve_OfRehearsalsAndWithoutLimits_NeverRefuses()
    {
        _settings.MaxUsdPerDay = 0;
        using (await _limits.ReserveAsync(Spec("rehearsal", 1000) with { IsRehearsal = true }, Cancellation))
        {
            Assert.Empty(_book.Open());
        }

        await Assert.ThrowsAsync<RunRequestException>(() => StartAsync("a", 0.01));
        _settings.MaxUsdPerDay = null;
        await StartAsync("a", 1_000_000);

        Assert.Equal(1_000_000, (await _limits.ViewAsync(Cancellation)).Day.ReservedUsd);
    }

    /// <summary>A resumption needs the rest of its budget only, and is refused as a start is.</summary>
    [Fact]
    public async Task Reserve_OfAResumption_NeedsTheRestOfItsBudget()
    {
        await StartAsync("a", 20);
        Rent("a", 20);
        _clock.Advance(TimeSpan.FromHours(1));
        End("a");
        await StartAsync("b", 20);

        await StartAsync("a", 30);
        Assert.Equal(10, (await _limits.ViewAsync(Cancellation)).Runs.Single(run => run.Id.Value == "a").ReservedUsd);
        End("a");
        var fault = await Assert.ThrowsAsync<RunRequestException>(() => StartAsync("a", 30.5));

        Assert.Contains(
            "may still spend 10.50 USD of its budget of 30.50 USD", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Reserve_OfManyAtOnce_StartsAsManyAsFit()
    {
        var starts = await Task.WhenAll(Enumerable.Range(0, 20).Select(async number =>
        {
            try
            {
                await StartAsync($"run-{number}", 10);
                return 1;
            }
            catch (RunRequestException)
            {
                return 0;
            }
        }));

        Assert.Equal(5, starts.Sum());
    }

    /// <summary>A start that the engine did not take, for example because the service died before it.</summary>
    [Fact]
    public async Task View_OfAStartThatTheEngineDoesNotHave_ReservesNothingAndForgetsIt()
    {
        (await _limits.ReserveAsync(Spec("lost", 50), Cancellation)).Dispose();

        Assert.Empty((await _limits.ViewAsync(Cancellation)).Runs);
        Assert.Single(_book.Open());
        _clock.Advance(TimeSpan.FromHours(2));
        await _limits.ViewAsync(Cancellation);

        Assert.Empty(_book.Open());
    }

    /// <summary>A terminated run has no teardown: its nodes cost until they are proved gone.</summary>
    [Fact]
    public async Task View_OfATerminatedRunWithANode_KeepsItsBudgetUntilTheProof()
    {
        await StartAsync("a", 20);
        var name = Rent("a", 10);
        _engine.Runs["a"] = (OrchestrationStatus.Terminated, Spec("a", 20));
        _clock.Advance(TimeSpan.FromHours(1));

        var before = await _limits.ViewAsync(Cancellation);
        _ledger.Append(new RunId("a"), LedgerKinds.Released, $"{name}", new NodeMoment(name, "NOT_FOUND"));
        var after = await _limits.ViewAsync(Cancellation);

        Assert.Equal((10, 10), (before.Day.SpentUsd, before.Day.ReservedUsd));
        Assert.Equal((10, 0), (after.Day.SpentUsd, after.Day.ReservedUsd));
    }

    /// <summary>A group may end while a variant works, or is about to rent.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task View_OfAnEndedGroupWithALiveVariant_KeepsItsBudgetUntilTheVariantsEnd(bool hasRented)
    {
        await StartAsync("g", 40);
        _ledger.Append(new RunId("g"), LedgerKinds.Members, "members", new MembersFact([new RunId("g-a")]));
        _ledger.Append(new RunId("g-a"), LedgerKinds.VariantOf, "group", new VariantGroup(new RunId("g"), "a"));
        _engine.Runs["g-a"] = (hasRented ? OrchestrationStatus.Terminated : OrchestrationStatus.Running,
            Spec("g-a", 40));
        if (hasRented)
        {
            Rent("g-a", 10);
        }

        _ledger.Append(new RunId("g"), LedgerKinds.End, "end", new RunOutcome(RunStatus.Failed, "c.json", null));
        _engine.Runs["g"] = (OrchestrationStatus.Completed, Spec("g", 40));
        Assert.Equal(40, (await _limits.ViewAsync(Cancellation)).Day.ReservedUsd);
        if (!hasRented)
        {
            Rent("g-a", 10);
        }

        _clock.Advance(TimeSpan.FromHours(1));
        var before = await _limits.ViewAsync(Cancellation);
        End("g-a");
        var after = await _limits.ViewAsync(Cancellation);

        Assert.Equal((10, 30), (before.Day.SpentUsd, before.Day.ReservedUsd));
        Assert.Equal((10, 0), (after.Day.SpentUsd, after.Day.ReservedUsd));
    }

    private static RunSpec Spec(string id, double budget) => new()
    {
        RunId = new RunId(id),
        Name = id,
        Project = "team",
        Direction = RunDirection.KoToEn,
        Model = "/model",
        Data = new DataSpec { Train = "/pairs.tsv" },
        Tpu = new TpuSpec { AcceleratorTypes = ["v5litepod-8"] },
        BudgetUsd = budget,
    };

    private async Task StartAsync(string id, double budget)
    {
        var spec = Spec(id, budget);
        using var reservation = await _limits.ReserveAsync(spec, Cancellation);
        _engine.Runs[id] = (OrchestrationStatus.Running, spec);
    }

    private NodeName Rent(string id, double usdPerHour)
    {
        var name = NodeName.Of("team", "us-west4-a", $"wf-{id}-1");
        var place = new Candidate("us-west4-a", "v5litepod-8", ProvisioningMode.Spot, "v", 8, usdPerHour);
        _ledger.Append(new RunId(id), LedgerKinds.Intent, $"{name}", new TpuLease(name, place, 1));
        _ledger.Append(new RunId(id), LedgerKinds.Ready, $"{name}", new NodeMoment(name, "READY"));
        return name;
    }

    private void End(string id)
    {
        var name = NodeName.Of("team", "us-west4-a", $"wf-{id}-1");
        _ledger.Append(new RunId(id), LedgerKinds.Released, $"{name}", new NodeMoment(name, "NOT_FOUND"));
        _engine.Runs[id] = (OrchestrationStatus.Completed, _engine.Runs[id].Spec);
    }

    /// <summary>The engine's answers about runs.</summary>
    private sealed class Engine : CallInvoker
    {
        public ConcurrentDictionary<string, (OrchestrationStatus Status, RunSpec Spec)> Runs { get; } = new();

        public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request)
        {
            var id = ((GetInstanceRequest)(object)request).InstanceId;
            var answer = new GetInstanceResponse();
            if (Runs.TryGetValue(id, out var run))
            {
                answer.Exists = true;
                answer.OrchestrationState = new OrchestrationState
                {
                    InstanceId = id,
                    Name = nameof(FineTuneOrchestration),
                    OrchestrationStatus = run.Status,
                    CreatedTimestamp = new Timestamp(),
                    LastUpdatedTimestamp = new Timestamp(),
                    Input = System.Text.Json.JsonSerializer.Serialize(run.Spec),
                };
            }

            return new AsyncUnaryCall<TResponse>(
                Task.FromResult((TResponse)(object)answer), Task.FromResult(new Metadata()),
                () => Status.DefaultSuccess, () => [], () => { });
        }

        public override TResponse BlockingUnaryCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            throw new NotSupportedException();

        public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options, TRequest request) =>
            throw new NotSupportedException();

        public override AsyncClientStreamingCall<TRequest, TResponse> AsyncClientStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) =>
            throw new NotSupportedException();

        public override AsyncDuplexStreamingCall<TRequest, TResponse> AsyncDuplexStreamingCall<TRequest, TResponse>(
            Method<TRequest, TResponse> method, string? host, CallOptions options) =>
            throw new NotSupportedException();
    }
}
