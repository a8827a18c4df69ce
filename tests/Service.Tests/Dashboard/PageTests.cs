using System.Text.Json;
using System.Text.Json.Nodes;
using Workflows.Service.Access;
using Workflows.Service.Tests.Access;
using Workflows.Service.Tests.Hosting;
using Workflows.TestKit;

namespace Workflows.Service.Tests.Dashboard;

/// <summary>
/// Every page in a browser: in both languages, the light and the dark, on a desk and on a phone. Each is looked at by
/// axe-core, has one language, fits its window, and leaves a picture in artifacts/screenshots.
/// </summary>
public sealed class PageTests(RunningService service, KeyedService keyed)
    : IClassFixture<RunningService>, IClassFixture<KeyedService>
{
    private static readonly JsPackage Axe = new("axe-core", "axe-core-4.14.1", "axe-core@4.14.1");

    /// <summary>Texts of the page that stand in the other language's list, outside of parts that say so.</summary>
    private const string Mixed = """
        import('/dashboard/text.js').then(({ texts }) => {
          const here = document.documentElement.lang;
          const own = new Set(Object.values(texts[here]));
          const other = new Set(Object.values(texts[here === 'ko' ? 'en' : 'ko']).filter((each) => !own.has(each)));
          const found = [];
          const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
          while (walker.nextNode()) {
            const parent = walker.currentNode.parentElement;
            if (parent.closest('[lang]') === document.documentElement && other.has(walker.currentNode.data.trim())) {
              found.push(walker.currentNode.data);
            }
          }

          return found.join('|');
        })
        """;

    /// <summary>Names of the controls that the keyboard does not reach from the top of the page.</summary>
    private const string Controls = """
        [...document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')]
          .filter((each) => each.checkVisibility() && !each.disabled)
        """;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Pages_InEveryForm_HaveNoBarriersOneLanguageAndFit()
    {
        await using var browser = await Browser.StartAsync();
        var axe = await ReadAxeAsync();
        var finished = await service.StartAsync(service.Request(
            """{"zones": {"us-west4-a": {"preempt": {"guestAttribute": "workflows/step", "atLeast": 3}}}}"""));
        await service.ReportAsync(finished);
        var request = service.Request(
            """{"zones": {"us-west4-a": {"capacity": 0}, "us-west1-c": {"capacity": 0}}}""");
        request["tpu"]!["acquireTimeoutSeconds"] = 1;
        var failed = await service.StartAsync(request);
        Assert.Equal("failed", (await service.ReportAsync(failed)).GetProperty("status").GetString());
        await service.ReportAsync(await service.StartAsync(service.Request(
            """{"zones": {"us-west4-a": {"refuse": "LOCATION_POLICY_VIOLATED"}}}""", steps: 4)));
        request = service.Request();
        request["approval"] = new JsonObject { ["withinHours"] = 2 };
        var asking = await service.StartAsync(request);
        await service.WaitAsync(asking, run => run.GetProperty("approval").ValueKind == JsonValueKind.Object);
        var live = await service.StartAsync(service.Request(steps: 100_000));
        await service.WaitAsync(live, run => run.GetProperty("stage").GetString() == "train");

        request = service.Request(steps: 4);
        request["variants"] = new JsonArray(
            new JsonObject { ["name"] = "a" },
            new JsonObject { ["name"] = "b", ["training"] = new JsonObject { ["seed"] = 7 } });
        var compared = await service.StartAsync(request);
        await service.ReportAsync(compared);

        var home = service.Http.BaseAddress!;
        foreach (var (name, address, until) in new (string, Uri, string)[]
        {
            ("list", new(home, "/#/"), "document.querySelector('tbody tr')"),
            ("run-live", new(home, $"/#/runs/{live}"),
                "document.querySelector('svg') && document.getElementById('reason')"),
            ("run-finished", new(home, $"/#/runs/{finished}"),
                "document.querySelector('svg .loss') && document.querySelector('mark')"),
            ("run-failed", new(home, $"/#/runs/{failed}"), "document.getElementById('rerun')"),
            ("run-asking", new(home, $"/#/runs/{asking}"),
                "document.getElementById('approve') && document.getElementById('reject')"),
            ("capacity", new(home, "/#/zones"),
                "document.getElementById('forget-all') && document.getElementById('price-type')"),
            ("start", new(home, "/#/start"), "document.getElementById('request')"),
            ("sign-in", new(keyed.Nobody.BaseAddress!, "/"), "document.querySelector('input[name=key]')"),
            ("report", new(home, $"/runs/{finished}/report.html"), "document.querySelector('h1')"),
            ("group", new(home, $"/#/runs/{compared}"), "document.getElementById('rerun')"),
            ("comparison", new(home, $"/runs/{compared}/report.html"), "document.querySelector('h1')"),
            ("report-failed", new(home, $"/runs/{failed}/report.html"), "document.querySelector('h1')"),
        })
        {
            foreach (var language in new[] { "en", "ko" })
            {
                await LookAsync(browser, axe, name, address, until, language);
            }

            if (name == "run-live")
            {
                // The pages after it need no training, which would take the processors from the browser.
                using var cancel = await service.Http.PostAsync($"/runs/{live}/cancel", null, Cancellation);
                await service.ReportAsync(live);
            }
        }

        await RejectAsync(browser, new(home, $"/#/runs/{asking}"), asking);
    }

    /// <summary>A person answers with a reason that would be markup, and sees it as text.</summary>
    private async Task RejectAsync(Browser browser, Uri address, string id)
    {
        const string Markup = "too dear <b id=injected>now</b>";
        await browser.PreferAsync("light", "en", 1280);
        await browser.OpenAsync(address, "document.getElementById('reject')");
        await browser.RunAsync($"document.getElementById('reason').value = '{Markup}';"
            + "document.getElementById('reject').click()");
        await browser.UntilAsync($"document.body?.innerText.includes('rejected · {Markup}')");
        Assert.Equal("null", await browser.TextAsync("`${document.getElementById('injected')}`"));

        var report = await service.ReportAsync(id);
        Assert.Equal("APPROVAL_REJECTED", report.GetProperty("failure").GetProperty("code").GetString());
        await browser.OpenAsync(new(address, $"/runs/{id}/report.html"), "document.querySelector('h1')");
        Assert.Contains(Markup, await browser.TextAsync("document.body.innerText"), StringComparison.Ordinal);
        Assert.Equal("null", await browser.TextAsync("`${document.getElementById('injected')}`"));
    }

    /// <summary>The training is ended by its button, once there is a step.</summary>
    [Fact]
    public async Task Finish_ByItsButton_EndsTheTrainingEarly()
    {
        await using var browser = await Browser.StartAsync();
        var id = await service.StartAsync(service.Request(steps: 100_000));
        await browser.PreferAsync("light", "ko", 1280);
        await browser.OpenAsync(
            new(service.Http.BaseAddress!, $"/#/runs/{id}"), "document.getElementById('finish')");
        await browser.RunAsync("document.getElementById('reason').value = '손실이 평탄함';"
            + "document.getElementById('finish').click()");

        var report = await service.ReportAsync(id);

        Assert.Equal("succeeded", report.GetProperty("status").GetString());
        Assert.True(report.GetProperty("training").GetProperty("finishedEarly").GetBoolean());
        await browser.UntilAsync("document.body?.innerText.includes('학습 조기 종료')");
    }

    /// <summary>Every control has its turn by the tab key, and shows it.</summary>
    [Fact]
    public async Task Pages_ByTheKeyboardAlone_ReachAndStartEverything()
    {
        await using var browser = await Browser.StartAsync();
        var id = await service.StartAsync(service.Request(
            """{"zones": {"us-west4-a": {"refuse": "LOCATION_POLICY_VIOLATED"}}}""", steps: 4));
        await service.ReportAsync(id);
        await browser.PreferAsync("light", "en", 1280);
        foreach (var (path, until) in new[]
        {
            ($"/#/runs/{id}", "document.getElementById('purge') && document.querySelector('svg')"),
            ("/#/zones", "document.getElementById('forget-all') && document.getElementById('price-type')"),
            ("/#/start", "document.getElementById('request')"),
        })
        {
            await browser.OpenAsync(new Uri(service.Http.BaseAddress!, path), until);
            await browser.RunAsync("window.reached = new Set(); document.activeElement?.blur()");
            var count = int.Parse(
                await browser.TextAsync($"{Controls}.length"), System.Globalization.CultureInfo.InvariantCulture);
            Assert.True(count > 5);
            for (var press = 0; press <= count; press++)
            {
                await browser.PressAsync("Tab");
                await browser.RunAsync("""
                    if (document.activeElement !== document.body) {
                      const style = getComputedStyle(document.activeElement);
                      window.reached.add(style.outlineStyle === 'none' ? null : document.activeElement);
                    }
                    """);
            }

            Assert.Equal("", await browser.TextAsync(
                $"{Controls}.filter((each) => !window.reached.has(each)).map((each) => each.outerHTML).join()"));
        }

        // A run by the keys alone: the plan by the space bar, the start by Enter.
        var text = JsonSerializer.Serialize(service.Request(steps: 4).ToJsonString());
        await browser.RunAsync($"document.getElementById('request').value = {text}");
        await browser.RunAsync("document.getElementById('request').focus()");
        await browser.PressAsync("Tab");
        await browser.PressAsync(" ");
        await browser.UntilAsync("document.body?.innerText.includes('This run would start')");
        await browser.RunAsync("document.getElementById('request').focus()");
        await browser.PressAsync("Tab");
        await browser.PressAsync("Tab");
        await browser.PressAsync("Enter");
        await browser.UntilAsync("location.hash.startsWith('#/runs/') && document.activeElement?.id === 'main'");
        await service.ReportAsync((await browser.TextAsync("location.hash"))["#/runs/".Length..]);
    }

    /// <summary>A caller sees the actions of its role and no others.</summary>
    [Theory]
    [InlineData(AccessRole.Reader, "")]
    [InlineData(AccessRole.Runner, "look")]
    [InlineData(AccessRole.Admin, "look")]
    public async Task Actions_AreThoseOfTheRole(AccessRole role, string expected)
    {
        await using var browser = await Browser.StartAsync(keepsPolicy: true);
        await browser.PreferAsync("light", "en", 1280);
        var home = keyed.Nobody.BaseAddress!;
        await browser.OpenAsync(home, "document.querySelector('input[name=key]')");
        await browser.RunAsync($"document.querySelector('input[name=key]').value = '{keyed.Keys[role]}';"
            + "document.querySelector('form').requestSubmit()");
        await browser.UntilAsync("document.querySelector('main h1') && !document.getElementById('leave').hidden");
        Assert.Equal(
            role == AccessRole.Reader ? "true" : "false",
            await browser.TextAsync("document.querySelector('nav a[href=\"#/start\"]').hidden"));

        await browser.RunAsync("location.hash = '#/zones'");
        await browser.UntilAsync("document.getElementById('price-type')");
        await browser.UntilAsync("document.querySelectorAll('main section').length === 4");
        Assert.Equal(
            expected, await browser.TextAsync(
                "[...document.querySelectorAll('main button')].map((each) => each.id).join()"));
        if (role != AccessRole.Reader)
        {
            await browser.RunAsync("document.getElementById('look').click()");
            await browser.UntilAsync("document.body.innerText.includes('Nothing is left over in the cloud.')");
        }

        // Who follows a link to the form is told.
        await browser.RunAsync("location.hash = '#/start'");
        await browser.UntilAsync(role == AccessRole.Reader
            ? "document.body.innerText.includes('Your key may read; it may not act.')"
            : "document.getElementById('request')");
    }

    private static async Task LookAsync(
        Browser browser, string axe, string name, Uri address, string until, string language)
    {
        await browser.PreferAsync("light", language, 1280);
        await browser.OpenAsync(address, until);
        Assert.Equal($"{name} {language}", $"{name} {await browser.TextAsync("document.documentElement.lang")}");
        if (address.Fragment.Length > 0)
        {
            await browser.RunAsync(
                "document.querySelectorAll('main details').forEach((each) => { each.open = true; })");
            Assert.Equal("", await browser.TextAsync(Mixed));
        }

        await browser.RunAsync(axe);
        foreach (var (scheme, width) in new[] { ("light", 1280), ("light", 390), ("dark", 1280), ("dark", 390) })
        {
            await browser.PreferAsync(scheme, language, width);

            // Wide content scrolls in its own frame, not the page.
            Assert.Equal($"{name} at {width} fits", await browser.TextAsync(
                "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
                + $" ? '{name} at {width} fits' : document.documentElement.scrollWidth + ' points'"));

            // Each language in the light and the dark, and on both screens; colours do not depend on the width.
            if ((scheme == "light") == (width == 1280) == (language == "en"))
            {
                Assert.Equal("[]", await browser.TextAsync(
                    "axe.run().then(result => JSON.stringify(result.violations.map(each => "
                    + $"['{scheme}', '{name}', '{language}', each.impact, each.id, each.nodes[0].html])))"));
            }

            await browser.KeepPictureAsync($"{name}-{language}-{scheme}-{width}");
        }
    }

    private static async Task<string> ReadAxeAsync() => await File.ReadAllTextAsync(
        Path.Combine(await Axe.RequireAsync(), "axe-core", "axe.min.js"), Cancellation);
}
