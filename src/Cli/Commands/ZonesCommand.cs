using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Workflows.Activities.Capacity;
using Workflows.Activities.Reporting;
using Workflows.Cli.Watching;
using Workflows.Service.Runs;

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
        var type = new Option<string?>("--type")
        {
            Description = "The accelerator type to list, or to forget.",
        };
        var prices = new Option<bool>("--prices")
        {
            Description = "Lists the prices of slices in each zone, the cheapest spot price first.",
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
            forget, type, seen, prices, CommonOptions.Reason, CommonOptions.Json,
        }.With(async (parsed, link, cancellation) =>
        {
            if (parsed.GetValue(forget) is { } place)
            {
                var count = await link.ForgetAsync(
                    place == Everything ? null : place, parsed.GetValue(type), parsed.GetValue(CommonOptions.Reason),
                    cancellation);
                Console.WriteLine($"Forgot {Counted.Of(count, "place")}.");
                return ExitCodes.Done;
            }

            if (parsed.GetValue(seen))
            {
                return Print(
                    OfType(await link.SeenZonesAsync(cancellation), each => each.AcceleratorType), ShowSeen);
            }

            if (parsed.GetValue(prices))
            {
                return Print(
                    OfType(await link.PricesAsync(cancellation), each => each.AcceleratorType), ShowPrices);
            }

            return Print(
                OfType(await link.ZonesAsync(cancellation), each => each.AcceleratorType),
                places => ShowRefused(places, parsed.GetValue(type)));

            IReadOnlyList<T> OfType<T>(IReadOnlyList<T> all, Func<T, string> typeOf) =>
                parsed.GetValue(type) is { } wanted ? [.. all.Where(each => typeOf(each) == wanted)] : all;

            int Print<T>(IReadOnlyList<T> rows, Action<IReadOnlyList<T>> show)
            {
                if (parsed.GetValue(CommonOptions.Json))
                {
                    Console.WriteLine(JsonSerializer.Serialize(rows, RunLedger.Json));
                }
                else
                {
                    show(rows);
                }

                return ExitCodes.Done;
            }
        });
    }

    private static void ShowRefused(IReadOnlyList<RememberedPlace> places, string? asked)
    {
        foreach (var each in places)
        {
            Console.WriteLine(TerminalText.Of(
                $"{each.Place,-18} {each.AcceleratorType,-12} {each.Provisioning,-10} until "
                + $"{each.Until:yyyy-MM-dd HH:mm}Z  {each.Code}  {each.Project}\n    {each.Reason}"));
        }

        Console.WriteLine(places.Count > 0 ? "Forget one, or all: workflows zones --forget ZONE, --forget all"
            : asked is not null ? $"No refusal of '{TerminalText.Of(asked)}' is remembered."
            : "No refusal is remembered: every place is asked.");
    }

    private static void ShowPrices(IReadOnlyList<PriceView> prices)
    {
        foreach (var each in prices)
        {
            Console.WriteLine(TerminalText.Of(string.Create(
                CultureInfo.InvariantCulture,
                $"{each.Zone,-18} {each.AcceleratorType,-12} {Counted.Of(each.Chips, "chip"),-10} "
                + $"{each.SpotUsdPerHour,8:0.00} USD/h spot  {each.OnDemandUsdPerHour,8:0.00} USD/h on demand")));
        }

        if (prices.Count == 0)
        {
            Console.WriteLine("The price catalog has no such type; without --type every type is listed.");
        }
    }

    private static void ShowSeen(IReadOnlyList<SeenPlace> places)
    {
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
