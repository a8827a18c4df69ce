using System.Globalization;
using Microsoft.DurableTask.Client;
using Workflows.Activities.Reporting;
using Workflows.Activities.Spending;
using Workflows.Activities.Variants;
using Workflows.Orchestrations;
using Workflows.Service.Hosting;

namespace Workflows.Service.Runs;

/// <summary>
/// Limits the cost of all runs together by day and month: a run that pays starts only if its budget fits into what is
/// left. Rehearsals do not count. <b>Invariant:</b> at any start the spending of the window and the unspent budgets of
/// all runs under way are together within the limit, so that a window never costs more.
/// </summary>
internal sealed class SpendLimits(
    ServiceSettings settings, SpendBook book, RunLedger ledger, DurableTaskClient client, TimeProvider clock)
{
    /// <summary>The field that a refusal names: a smaller one may fit.</summary>
    public const string Field = "budgetUsd";

    /// <summary>Hours after which a run that the engine does not have is forgotten: its start failed.</summary>
    private const double StartHours = 1;

    private const string Alone = "spending";

    /// <summary>Reserves the budget of a run until the engine has it.</summary>
    /// <param name="spec">The run, or its next part.</param>
    /// <param name="cancellation">Cancels the wait.</param>
    /// <returns>To be disposed once the engine has the run, or has refused it.</returns>
    /// <exception cref="RunRequestException">The budget does not fit: <see cref="RunRequestException.SpendLimit"/>.
    /// </exception>
    public async Task<IDisposable> ReserveAsync(RunSpec spec, CancellationToken cancellation)
    {
        if (spec.IsRehearsal)
        {
            return new Reservation(() => { });
        }

        using var alone = await ledger.State.AloneAsync(Alone, cancellation);

        // A repeated request and a resumption have their own reservation already, which is not another run's.
        var others = (await LiveAsync(cancellation)).Where(run => run.Id != spec.RunId);
        var view = ViewOf([.. others]);
        if (Refusal(spec, view) is { } error)
        {
            throw new RunRequestException([error], RunRequestException.SpendLimit)
            {
                IsLasting = view.Windows.Any(window => NeededOf(spec) > window.LimitUsd),
            };
        }

        book.Begin(spec.RunId, spec.BudgetUsd);
        return new Reservation(() => EndReservation(spec.RunId));
    }

    /// <summary>Shows the spending of today and of this month, with the limits.</summary>
    public async Task<SpendingView> ViewAsync(CancellationToken cancellation)
    {
        using var alone = await ledger.State.AloneAsync(Alone, cancellation);
        return ViewOf(await LiveAsync(cancellation));
    }

    /// <summary>Returns the reason why a run could not start now.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="view">The spending.</param>
    /// <returns>null if it could.</returns>
    public FieldError? Refusal(RunSpec spec, SpendingView view)
    {
        if (spec.IsRehearsal)
        {
            return null;
        }

        var needed = NeededOf(spec);
        return view.Windows.Where(window => needed > window.LeftUsd)
            .OrderByDescending(window => needed > window.LimitUsd).ThenByDescending(window => window.TurnsOverAt)
            .Select(window => Refusal(spec, needed, window, view.Runs)).FirstOrDefault();
    }

    /// <summary>Returns the rest of a run's budget, in US dollars.</summary>
    private double NeededOf(RunSpec spec) =>
        Math.Max(0, spec.BudgetUsd - RunCosts.Of(ledger, spec.RunId, clock.GetUtcNow()).ActualUsd);

    private static FieldError Refusal(
        RunSpec spec, double needed, SpendWindow window, IReadOnlyList<SpendRun> runs)
    {
        var open = runs.Count == 0 ? "none is under way" : string.Join(", ", runs.Select(run => run.Id.Value).Take(5))
            + (runs.Count > 5 ? string.Create(CultureInfo.InvariantCulture, $" and {runs.Count - 5} more") : "");
        var left = Math.Max(0, window.LeftUsd ?? 0);
        var message = string.Create(
            CultureInfo.InvariantCulture,
            $"{window.Setting} is {window.LimitUsd:0.00} USD. {window.SpentUsd:0.00} USD are spent in "
            + $"{window.Window}, and {window.ReservedUsd:0.00} USD are reserved by the budgets of other runs ({open}): "
            + $"{left:0.00} USD are left, and this run may still spend {needed:0.00} USD of its budget of "
            + $"{spec.BudgetUsd:0.00} USD.");
        return new FieldError(Field, message, needed > window.LimitUsd ? string.Create(
            CultureInfo.InvariantCulture,
            $"It is more than the limit itself, so no wait helps: ask for a budget that leaves the run "
            + $"{window.LimitUsd:0.00} USD or less, or raise the service's setting {window.Setting}.") : string.Create(
            CultureInfo.InvariantCulture,
            $"Wait until another run ends or until {window.TurnsOverAt:yyyy-MM-dd HH:mm}Z, when the next "
            + $"{(window.IsDay ? "day" : "month")} begins; ask for a budget that leaves the run {left:0.00} USD or "
            + $"less; or raise the service's setting {window.Setting}."));
    }

    /// <summary>Lists the runs that may still spend, and adds up those that have ended meanwhile.</summary>
    private async Task<List<SpendRun>> LiveAsync(CancellationToken cancellation)
    {
        var live = new List<SpendRun>();
        var (ended, rehearsals) = (new HashSet<RunId>(), new HashSet<RunId>());
        foreach (var (runId, at, startingUsd, startingAt) in book.Open())
        {
            // A service that stopped while it started a run reserves its budget for this time.
            var starting = clock.GetUtcNow() - startingAt <= TimeSpan.FromHours(StartHours) ? startingUsd : null;
            var instance = starting is not null
                ? null : await client.GetInstanceAsync(runId.Value, getInputsAndOutputs: true, cancellation);
            var spec = instance?.SerializedInput is null ? null : instance.ReadInputAs<RunSpec>();
            var isGone = spec is null && starting is null;
            if (spec?.IsRehearsal == true)
            {
                rehearsals.Add(runId);
            }
            else if (book.IsOver(runId) && (instance?.IsCompleted == true
                || (isGone && clock.GetUtcNow() - at > TimeSpan.FromHours(StartHours)))
                && !await HasLiveVariantAsync(runId, cancellation))
            {
                ended.Add(runId);
            }
            else if (!isGone)
            {
                var most = starting ?? spec!.BudgetUsd;
                var spent = RunCosts.Of(ledger, runId, clock.GetUtcNow()).ActualUsd;
                live.Add(new SpendRun(runId, most, spent, Math.Max(0, most - spent)));
            }
        }

        if (ended.Count + rehearsals.Count > 0)
        {
            book.Close(ended, rehearsals);
        }

        return live;
    }

    /// <summary>Returns whether a variant of an ended group may still rent a node.</summary>
    private async Task<bool> HasLiveVariantAsync(RunId runId, CancellationToken cancellation)
    {
        foreach (var member in VariantLedgers.MembersOf(ledger, runId))
        {
            if (await client.GetInstanceAsync(member.Value, cancellation) is { IsCompleted: false })
            {
                return true;
            }
        }

        return false;
    }

    private SpendingView ViewOf(IReadOnlyList<SpendRun> runs)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var (day, month) = book.Spent();
        var reserved = runs.Sum(run => run.ReservedUsd);
        var firstOfMonth = new DateTime(now.Year, now.Month, 1, 0, 0, 0, DateTimeKind.Utc);
        return new SpendingView(
            Window(true, $"{now:yyyy-MM-dd}", settings.MaxUsdPerDay, day, now.Date.AddDays(1)),
            Window(false, $"{now:yyyy-MM}", settings.MaxUsdPerMonth, month, firstOfMonth.AddMonths(1)), runs);

        SpendWindow Window(bool isDay, string name, double? limit, double spent, DateTime end) => new(
            isDay, name, isDay ? "Workflows:MaxUsdPerDay" : "Workflows:MaxUsdPerMonth", limit, spent, reserved,
            limit - spent - reserved, new DateTimeOffset(end, TimeSpan.Zero));
    }

    private void EndReservation(RunId runId)
    {
        try
        {
            book.Begin(runId);
        }
        catch (IOException)
        {
            // The run is started, and its budget is counted for an hour even if it ends before.
        }
    }

    private sealed class Reservation(Action end) : IDisposable
    {
        public void Dispose() => end();
    }
}

/// <summary>The spending of all runs that pay, in US dollars.</summary>
/// <param name="Day">Today (UTC).</param>
/// <param name="Month">This calendar month (UTC).</param>
/// <param name="Runs">Runs that may still spend: under way, or with nodes that are not proved gone.</param>
public sealed record SpendingView(SpendWindow Day, SpendWindow Month, IReadOnlyList<SpendRun> Runs)
{
    /// <summary>Gets both windows.</summary>
    internal IEnumerable<SpendWindow> Windows => [Day, Month];

    /// <summary>Describes the spending for people, one sentence for each window.</summary>
    internal IEnumerable<string> Sentences() => Windows.Select(window => string.Create(
        CultureInfo.InvariantCulture,
        $"In {window.Window} (UTC) all runs that pay have cost {window.SpentUsd:0.00} USD, and "
        + $"{window.ReservedUsd:0.00} USD are reserved by the budgets of runs under way")
        + (window.LimitUsd is { } limit
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"; {window.Setting} is {limit:0.00} USD, of which {Math.Max(0, window.LeftUsd ?? 0):0.00} USD are "
                + $"left until {window.TurnsOverAt:yyyy-MM-dd HH:mm}Z.")
            : $"; {window.Setting} is not set, so nothing limits them together."));
}

/// <summary>The spending of a day or a month.</summary>
/// <param name="IsDay">true for a day.</param>
/// <param name="Window">The day, such as 2026-11-29, or the month, such as 2026-11.</param>
/// <param name="Setting">Name of the setting of its limit.</param>
/// <param name="LimitUsd">The limit; null for none.</param>
/// <param name="SpentUsd">Cost of all nodes in it so far.</param>
/// <param name="ReservedUsd">Unspent budgets of the runs that may still spend.</param>
/// <param name="LeftUsd">The limit less both, which may be below 0; null without a limit.</param>
/// <param name="TurnsOverAt">Time at which the next one begins.</param>
public sealed record SpendWindow(
    bool IsDay, string Window, string Setting, double? LimitUsd, double SpentUsd, double ReservedUsd, double? LeftUsd,
    DateTimeOffset TurnsOverAt);

/// <summary>A run that may still spend.</summary>
/// <param name="Id">The run.</param>
/// <param name="BudgetUsd">Its budget.</param>
/// <param name="SpentUsd">Its cost so far.</param>
/// <param name="ReservedUsd">The rest of its budget.</param>
public sealed record SpendRun(RunId Id, double BudgetUsd, double SpentUsd, double ReservedUsd);
