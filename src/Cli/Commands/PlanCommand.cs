using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Orchestrations;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows plan REQUEST: shows places, time and cost of a run; spends nothing.</summary>
internal static class PlanCommand
{
    private static readonly Argument<string> Request = new("request")
    {
        Description = "A request file, such as samples/ko-en.json.",
    };

    private static readonly Option<string[]> Set = new("--set")
    {
        Description = "Change one field of the request, as often as needed.",
        DefaultValueFactory = _ => [],
    };

    private static readonly Option<double?> Within = new("--within")
    {
        Description = "Hours on the TPU: the cheapest choice within them is named.",
    };

    private static readonly Option<string?> Plugin = new("--plugin")
    {
        Description = "The compiler for the run's programs: a path to libtpu.so, or 'libtpu' for the installed one "
            + "(eng/get-pjrt-plugin.sh), which is used by default. Without one they are counted.",
    };

    public static Command Create() => new Command(
        "plan", "Show the places, the estimate and the choices of a request; nothing is started or rented")
    {
        Request, Set, CorpusUpload.Wanted, Within, Plugin, CommonOptions.Json,
    }.With(async (parsed, link, cancellation) =>
    {
        if (parsed.GetValue(Plugin) is not null && !link.IsInProcess)
        {
            // A program that calls a service must not choose the library that the service loads.
            throw new CommandException(
                $"--plugin: the service at {link.Address} runs already and uses its own compiler. Set "
                + "Workflows:PjrtPlugin there, or name another folder with --state.", ExitCodes.Invalid);
        }

        return await ShowAsync(
            link, RequestFile.Read(parsed.GetValue(Request)!, null, null, parsed.GetValue(Set)), parsed,
            parsed.GetValue(Within), cancellation);
    }, (parsed, settings) => settings.PjrtPlugin = parsed.GetValue(Plugin));

    /// <summary>Shows the plan of a request.</summary>
    /// <param name="link">The service.</param>
    /// <param name="request">The request, as the file and the command line have it.</param>
    /// <param name="parsed">The command line, with the options that <c>plan</c> and <c>run</c> share.</param>
    /// <param name="hours">Hours on the TPU for which the cheapest choice is named; null for none.</param>
    /// <param name="cancellation">Cancels the calls.</param>
    /// <returns>The exit code.</returns>
    internal static async Task<int> ShowAsync(
        ServiceLink link, string request, ParseResult parsed, double? hours, CancellationToken cancellation)
    {
        var json = await CorpusUpload.OfRequestAsync(
            link, request, parsed.GetValue(CorpusUpload.Wanted), Console.Error.WriteLine, cancellation);
        var plan = await link.PlanAsync(json, hours, cancellation);
        if (parsed.GetValue(CommonOptions.Json))
        {
            Console.WriteLine(JsonSerializer.Serialize(plan, RunLedger.Json));
        }
        else
        {
            Print(plan, hours);
        }

        return plan.Starts ? ExitCodes.Done : ExitCodes.NotReady;
    }

    private static void Print(PlanPreview plan, double? hours)
    {
        Say($"model       {plan.Model}, about {plan.Parameters / 1e6:0.0} million parameters");
        if (plan is { TrainPairs: { } pairs, Epochs: { } epochs })
        {
            Say($"passes      {epochs.ToString("0.0", CultureInfo.InvariantCulture)} over "
                + $"{Counted.Of(pairs, "training pair")}");
        }

        foreach (var part in plan.Estimate)
        {
            Say($"{part.Stage,-12}{Time(part.Seconds),10}  {part.Usd,9:0.0000} USD  "
                + $"{(part.Source is { } source ? WireName.Of(source) : "")}");
        }

        Say($"estimate    {Time(plan.EstimatedSeconds),10}  {plan.EstimatedUsd,9:0.0000} USD of a budget of "
            + $"{plan.BudgetUsd:0.00}");
        if (plan.Egress is { TotalUsd: > 0 } egress)
        {
            Say($"egress      {"",10}  {egress.TotalUsd,9:0.0000} USD, computed and not in the estimate: model "
                + $"{egress.ModelUsd:0.0000}, corpus {egress.CorpusUsd:0.0000}, checkpoints "
                + $"{egress.CheckpointUsd:0.0000}, tuned model {egress.ResultUsd:0.0000}");
        }

        foreach (var variant in plan.Variants ?? [])
        {
            Say($"  {variant.Name,-20}{Time(variant.EstimatedSeconds),10}  {variant.EstimatedUsd,9:0.0000} USD"
                + (variant.Refusal is { } why ? $"  would end at its plan: {why.Code}" : ""));
        }

        if (plan.SecondsUntilDone is { } together)
        {
            Say($"together    {Time(together),10}  on TPUs until all variants are done");
        }

        if (plan.Deadline is { } deadline)
        {
            Say($"deadline    {(deadline.IsFeasible ? "feasible" : "infeasible")}: "
                + $"{Time(deadline.SecondsLeft)} left, {Time(deadline.NeededSeconds)} needed"
                + (deadline.SpotUntil is { } until
                    ? string.Create(
                        CultureInfo.InvariantCulture,
                        $"; spot until {until:yyyy-MM-dd HH:mm:ss}Z, then on demand ({deadline.OnDemandUsd:0.00} USD "
                        + $"if all of it is)")
                    : ""));
        }

        Say($"{"places",-12}{"",21} {"type",-13} {"mode",-10} {"USD/h",8} {"time",12} {"cost",13} {"expected",13} "
            + $"{"losses",6} {"got",7}");
        var said = "";
        foreach (var place in plan.Places)
        {
            Say($"{(place.IsIn ? "in" : "out"),-4}{place.Order,3}. {place.Zone,-24} {place.AcceleratorType,-13} "
                + $"{WireName.Of(place.Provisioning),-10} {place.UsdPerHour,8:0.00} {Time(place.Seconds),12} "
                + $"{place.Usd,9:0.0000} USD{Columns(place.Expected)}");
            if (place.Expected is { } expected)
            {
                Say($"         {expected.Words}");
            }

            var why = $"{(place.MemorySource is { } source ? $"{WireName.Of(source)}: " : "")}{place.Why}";
            if (why != said)
            {
                // A sentence that is the same for every place is printed once.
                said = why;
                Say($"         {said}");
            }
        }

        Choice("shortest", plan.Shortest);
        Choice("cheapest", plan.Cheapest);
        Choice("in budget", plan.BestWithinBudget);
        if (hours is { } most)
        {
            Choice($"in {most.ToString("0.##", CultureInfo.InvariantCulture)} h", plan.BestWithinHours);
        }

        foreach (var assumption in plan.Assumptions)
        {
            Say($"assumed     {assumption}");
        }

        foreach (var note in plan.Notes)
        {
            Say($"note        {note}");
        }

        Say(plan.Refusal is { } refusal
            ? $"A run would end at its plan. {refusal.Code}: {refusal.Message} {refusal.Fix}"
            : "A run would start: workflows run REQUEST");
    }

    /// <summary>Writes the expected cost, the losses in it, and the share of requests that gave a node.</summary>
    private static string Columns(PlaceCost? cost) => cost is null ? "" : string.Create(
        CultureInfo.InvariantCulture,
        $" {cost.ExpectedUsd,9:0.0000} USD {cost.ExpectedLosses,6:0.00} ")
        + $"{(cost.Past.Requests == 0 ? "-" : $"{cost.Past.Nodes}/{cost.Past.Requests}"),7}";

    private static void Choice(string name, PlanChoice? choice) => Say(choice is null
        ? $"{name,-12}none"
        : $"{name,-12}{Time(choice.ExpectedSeconds),10}  {choice.ExpectedUsd,9:0.0000} USD  {choice.AcceleratorType} "
            + $"{WireName.Of(choice.Provisioning)} in {choice.Zone}"
            + $"{(choice.IsAsked ? "" : ", which the request does not name")}");

    private static string Time(double seconds) => seconds < 120
        ? string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s")
        : string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:0.00} h");

    private static void Say(string line) => Console.WriteLine(TerminalText.Of(line));
}
