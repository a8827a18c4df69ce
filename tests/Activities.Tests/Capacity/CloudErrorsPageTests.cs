using System.Text;
using Workflows.Activities.Capacity;
using Workflows.Orchestrations;
using Workflows.TestKit;

namespace Workflows.Activities.Tests.Capacity;

/// <summary>docs/cloud-errors.md is what the rules say: it is written from them, not beside them.</summary>
public sealed class CloudErrorsPageTests
{
    private const string Variable = "WORKFLOWS_WRITE_DOCS";

    private static string PagePath => Path.Combine(Checkout.Root, "docs", "cloud-errors.md");

    [Fact]
    public void Page_OfTheRules_IsUpToDate()
    {
        var page = Page();
        if (Environment.GetEnvironmentVariable(Variable) == "1")
        {
            File.WriteAllText(PagePath, page);
        }

        Assert.True(
            File.Exists(PagePath) && File.ReadAllText(PagePath) == page,
            $"docs/cloud-errors.md is not what RefusalRules says: {Variable}=1 writes it anew.");
    }

    /// <summary>The page of all errors, written by hand with the cloud's words, leaves none of them out.</summary>
    [Fact]
    public void Errors_OfTheRules_AreAllOnThePageOfErrors()
    {
        var errors = File.ReadAllText(Path.Combine(Checkout.Root, "docs", "errors.md"));

        Assert.Equal([], RefusalRules.All.Select(rule => rule.Code).Distinct()
            .Where(code => !errors.Contains($"`{code}`", StringComparison.Ordinal)));
    }

    private static string Page()
    {
        var page = new StringBuilder("""
            # Errors of the cloud

            How the product reads each error of the Cloud TPU API. The rules are asked in this order, and the first
            that knows the error counts: one status code means many things, so they read reason and text. This page
            is written from the rules (`src/Activities/Capacity/RefusalRules.cs`) by a test; the cloud's own words
            are in [errors.md](errors.md).

            - **Kind**: `zone` and `region` rule out a place, and the next one is tried; `project` and `request` end
              the run at once, since no place can help.
            - **Remembered**: how long later runs pass the place over, for the same type and provisioning;
              `workflows zones` shows and forgets. A rehearsal remembers for a thirtieth of it.
            - **In this run**: a place that is remembered for an hour or longer is not asked again by the run that
              was refused; another one is asked again in its next round. A rate limit is waited for in place.
            - A quota that is too small rules out every slice that counts against it and has more chips (TensorCores
              for v2 to v5p) than its limit, in its zone or region and mode, for this run and for later ones.
            - **What to do**: PROJECT, ZONE and other names in capitals are those of the run, the quotas, permissions,
              types and accounts those of the answer, where it names them.

            | | code | kind | remembered | in this run | what to do |
            | --- | --- | --- | --- | --- | --- |

            """.ReplaceLineEndings("\n"));
        foreach (var (index, rule) in RefusalRules.All.Index())
        {
            page.Append(
                $"| {index + 1} | `{rule.Code}` | {rule.Scope.ToString().ToLowerInvariant()} | "
                + $"{(rule.IsOfRun ? "no" : Words(rule.RememberSeconds))} | {InThisRun(rule)} | "
                + $"{rule.Fix.Replace("|", "\\|")} |\n");
        }

        page.Append("""

            An error that no rule knows is `UNKNOWN`: its zone is passed over for five minutes, and where every zone
            gives the same answer the run ends with `SAME_ANSWER_EVERYWHERE`.

            """.ReplaceLineEndings("\n"));
        return page.ToString();
    }

    private static string InThisRun(RefusalRule rule) => rule.Scope is RefusalScope.Project or RefusalScope.Request
        ? "ends"
        : rule.RememberSeconds >= 3600 ? "not asked again" : "asked again";

    private static string Words(double seconds) => seconds switch
    {
        0 => "no",
        >= 86400 => Counted(seconds / 86400, "day"),
        >= 3600 => Counted(seconds / 3600, "hour"),
        _ => Counted(seconds / 60, "minute"),
    };

    private static string Counted(double number, string unit) => number == 1 ? $"1 {unit}" : $"{number} {unit}s";
}
