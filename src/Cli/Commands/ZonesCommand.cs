using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;

namespace Workflows.Cli.Commands;

/// <summary>Implements workflows zones: lists refused places that later runs skip, and places that gave nodes; forgets
/// them.</summary>
internal static class ZonesCommand
{
    private const string Everything = "all";

    public static Command Create()
    {
        var forget = new Option<string?>("--forget")
        {
            Description = "Forgets a zone or region, or \"all\": the next run asks there again.",
        };
        var seen = new Option<bool>("--seen")
        {
            Description = "Lists the places that gave nodes: how long they took, and how long lost ones lived.",
        };
        forget.Validators.Add(result =>
        {
            // An empty variable in a script must not forget everything.
            if (string.IsNullOrWhiteSpace(result.GetValueOrDefault<string?>()))
            {
                result.AddError("--forget names no place; give a zone, a region, or \"all\".");
            }
        });
        return new Command("zones", "List the places that refused lately and are passed over: workflows zones")
        {
            forget, seen, CommonOptions.Reason, CommonOptions.Json,
        }.With(async (parsed, link, cancellation) =>
        {
            if (parsed.GetValue(forget) is { } place)
            {
                var count = await link.ForgetAsync(
                    place == Everything ? null : place, parsed.GetValue(CommonOptions.Reason), cancellation);
                Console.WriteLine($"Forgot {Counted.Of(count, "place")}.");
                return ExitCodes.Done;
            }

            if (parsed.GetValue(seen))
            {
                Show(await link.SeenZonesAsync(cancellation), parsed.GetValue(CommonOptions.Json));
                return ExitCodes.Done;
            }

            var places = await link.ZonesAsync(cancellation);
            if (parsed.GetValue(CommonOptions.Json))
            {
                Console.WriteLine(JsonSerializer.Serialize(places, RunLedger.Json));
                return ExitCodes.Done;
            }

            foreach (var each in places)
            {
                Console.WriteLine(TerminalText.Of(
                    $"{each.Place,-18} {each.AcceleratorType,-12} {each.Provisioning,-10} until "
                    + $"{each.Until:yyyy-MM-dd HH:mm}Z  {each.Code}  {each.Project}\n    {each.Reason}"));
            }

            Console.WriteLine(places.Count == 0
                ? "No refusal is remembered: every place is asked."
                : "Forget one, or all: workflows zones --forget ZONE, --forget all");
            return ExitCodes.Done;
        });
    }

    private static void Show(IReadOnlyList<SeenPlace> places, bool isJson)
    {
        if (isJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(places, RunLedger.Json));
            return;
        }

        foreach (var each in places)
        {
            Console.WriteLine(TerminalText.Of(string.Create(
                CultureInfo.InvariantCulture,
                $"{each.Place,-18} {each.AcceleratorType,-12} {each.Provisioning,-10} {each.Nodes,4} of ")
                + string.Create(CultureInfo.InvariantCulture, $"{each.Nodes + each.InVain} usable, ")
                + $"{Minutes(each.WaitSeconds)} to wait (longest {Minutes(each.LongestWaitSeconds)}); "
                + $"{Counted.Of(each.Losses, "node")} lost after {Minutes(each.LifeSeconds)}  {each.Project}"));
        }

        if (places.Count == 0)
        {
            Console.WriteLine("Nothing is remembered of any place.");
        }
    }

    private static string Minutes(double? seconds) =>
        seconds is { } some ? string.Create(CultureInfo.InvariantCulture, $"{some / 60:0.0} min") : "-";
}
