using System.Text.Json;
using System.Text.Json.Nodes;
using Google.Cloud.Tpu.V2;
using Microsoft.Extensions.DependencyInjection;
using Workflows.Activities.Provisioning;
using Workflows.Activities.Reporting;
using Workflows.GoogleCloud.TpuEmulator;
using Workflows.Service.Tests.Hosting;

namespace Workflows.Service.Tests.Dashboard;

/// <summary>The dashboard in a browser: live, with hostile texts, and in both languages.</summary>
public sealed class DashboardBrowserTests(RunningService service) : IClassFixture<RunningService>
{
    private const string Hostile = "<img src=x onerror=\"document.title='broken'\"> 악성 & 이름";

    [Fact]
    public async Task Run_FromTheFormToTheVerdict_IsShownLiveAndAsText()
    {
        await using var browser = await Browser.StartAsync();
        await browser.PreferAsync("light", "en", 1200);
        await browser.OpenAsync(At("/#/start"), "document.getElementById('request')");
        var request = service.Request(steps: 4);
        request["name"] = Hostile;
        request["id"] = "from-the-form";
        var text = JsonSerializer.Serialize(request.ToJsonString());
        await browser.RunAsync($"document.getElementById('request').value = {text}");
        await browser.RunAsync("[...document.querySelectorAll('main button')].at(0).click()");
        await browser.UntilAsync("document.body?.innerText.includes('This run would start')");
        await browser.RunAsync("document.getElementById('go').click()");

        // The page follows the run by itself, from its start to its end.
        await browser.UntilAsync("location.hash === '#/runs/from-the-form'");
        await service.ReportAsync("from-the-form");
        await browser.UntilAsync("document.querySelector('a[href$=\"report.html?lang=en\"]')");
        await browser.UntilAsync("document.querySelector('svg polyline')");
        await browser.UntilAsync("document.body?.innerText.includes('Verdict: ko-en')");
        await browser.UntilAsync("/Network egress/i.test(document.querySelector('dl.numbers').innerText)");
        await browser.UntilAsync(
            "/[0-9.]+ GB, computed, not in the cost/.test(document.querySelector('dl.numbers').innerText)");
        Assert.Equal(Hostile, await browser.TextAsync("document.querySelector('h1').textContent"));
        Assert.Equal("0", await browser.TextAsync("document.querySelectorAll('main img').length"));
        Assert.Equal($"{Hostile} · Workflows", await browser.TextAsync("document.title"));

        await browser.RunAsync("document.getElementById('language').click()");
        await browser.UntilAsync("document.body?.innerText.includes('판정: ko-en')");
        Assert.Equal("ko", await browser.TextAsync("document.documentElement.lang"));

        await browser.OpenAsync(At("/#/"), "document.querySelector('tbody tr')");
        Assert.Equal(Hostile, await browser.TextAsync("document.getElementById('run-from-the-form').textContent"));
        await browser.OpenAsync(
            At("/#/runs/nobody"), "document.body?.innerText.includes(\"There is no run 'nobody'\")");
    }

    /// <summary>A request that would pay is rehearsed by one press, as a run of its own; a second press starts no
    /// second one.</summary>
    [Fact]
    public async Task Rehearsal_OfARequestThatPays_IsARunOfItsOwn()
    {
        await using var browser = await Browser.StartAsync();
        await browser.PreferAsync("light", "ko", 1200);
        await browser.OpenAsync(At("/#/start"), "document.getElementById('request')");
        var request = service.Request(steps: 4);
        request["id"] = "the-one-that-pays";
        request.Remove("rehearsal");
        var text = JsonSerializer.Serialize(request.ToJsonString());
        await browser.RunAsync($"document.getElementById('request').value = {text}");
        await browser.RunAsync("const button = document.getElementById('rehearse'); button.click(); button.click()");
        await browser.UntilAsync("location.hash.startsWith('#/runs/')");

        var id = (await browser.TextAsync("location.hash")).Split('/')[^1];
        Assert.NotEqual("the-one-that-pays", id);
        Assert.True((await service.ReportAsync(id)).GetProperty("isRehearsal").GetBoolean());
        using var paid = await service.Http.GetAsync(
            "/runs/the-one-that-pays", TestContext.Current.CancellationToken);
        Assert.Equal(System.Net.HttpStatusCode.NotFound, paid.StatusCode);

        // A text that is no request is refused by the service.
        await browser.OpenAsync(At("/#/start"), "document.getElementById('request')");
        await browser.RunAsync("document.getElementById('request').value = 'not JSON'");
        await browser.RunAsync("document.getElementById('rehearse').click()");
        await browser.UntilAsync("document.querySelector('section.alert')");
    }

    [Fact]
    public async Task Group_OfVariants_LinksEachAndEachLinksItsGroup()
    {
        await using var browser = await Browser.StartAsync();
        await browser.PreferAsync("light", "en", 400);
        var request = service.Request(steps: 4);
        request["id"] = "sweep";
        request["variants"] = new JsonArray(
            new JsonObject { ["name"] = "a" },
            new JsonObject { ["name"] = "b", ["training"] = new JsonObject { ["seed"] = 7 } });
        await service.StartAsync(request);
        await browser.OpenAsync(At("/#/runs/sweep"), "document.querySelectorAll('a[id^=run-sweep]').length > 0");

        await service.ReportAsync("sweep");
        await browser.UntilAsync("document.querySelectorAll('a[id^=run-sweep]').length === 2");
        await browser.UntilAsync("document.querySelector('a[href=\"/runs/sweep/report.html?lang=en\"]')");

        // The group has the egress of all of its variants.
        await browser.UntilAsync("document.querySelector('dl.numbers').innerText.includes(' GB, computed')");
        await browser.RunAsync("document.getElementById('run-sweep-b').click()");
        await browser.UntilAsync("document.querySelector('a[href=\"#/runs/sweep\"]')");
        await browser.OpenAsync(At("/#/"), "document.getElementById('run-sweep')");
        Assert.Equal("null", await browser.TextAsync("String(document.getElementById('run-sweep-b'))"));
    }

    [Fact]
    public async Task Run_CancelledWithAReason_Ends()
    {
        await using var browser = await Browser.StartAsync();
        var id = await service.StartAsync(service.Request(steps: 100_000));
        await service.WaitAsync(id, run => run.GetProperty("stage").GetString() == "train");
        await browser.PreferAsync("dark", "ko", 400);
        await browser.OpenAsync(At($"/#/runs/{id}"), "document.getElementById('reason')");

        // Suspended and continued there first.
        await browser.RunAsync("document.getElementById('reason').value = '잠시 <b>'");
        await browser.RunAsync("document.getElementById('suspend').click()");
        await browser.UntilAsync("document.querySelector('.badge.suspended')");
        await browser.UntilAsync("document.body?.innerText.includes('잠시 <b>')");
        await browser.RunAsync("document.getElementById('reason').value = '계속'");
        await browser.RunAsync("document.getElementById('unsuspend').click()");
        await browser.UntilAsync("document.querySelector('.badge.running') && document.getElementById('suspend')");

        await browser.RunAsync("document.getElementById('reason').value = '그만'");
        await browser.RunAsync("document.querySelector('button.danger').click()");

        Assert.Equal("cancelled", (await service.ReportAsync(id)).GetProperty("status").GetString());
        await browser.UntilAsync("document.querySelector('.badge.cancelled')");

        // It can be resumed there, within another budget, and cancelled again.
        await browser.UntilAsync("document.getElementById('budget')");
        await browser.RunAsync("document.getElementById('budget').value = '2.5'");
        await browser.RunAsync("document.getElementById('resume-reason').value = '더 크게 <i>'");
        await browser.RunAsync("document.getElementById('budget').form.requestSubmit()");
        await browser.UntilAsync("document.getElementById('reason')");
        using var run = await service.Http.GetAsync($"/runs/{id}", TestContext.Current.CancellationToken);
        var view = JsonDocument.Parse(await run.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(2.5, view.RootElement.GetProperty("budgetUsd").GetDouble());
        await browser.UntilAsync("document.querySelector('ul.events').innerText.includes('더 크게 <i>')");
        using var cancel = await service.Http.PostAsync(
            $"/runs/{id}/cancel", null, TestContext.Current.CancellationToken);
        Assert.True(cancel.IsSuccessStatusCode);
        await service.ReportAsync(id);
    }

    /// <summary>A place is forgotten with a reason, which the service's log keeps; or not, with a change of
    /// mind.</summary>
    [Fact]
    public async Task Place_IsForgottenForAReason()
    {
        await using var browser = await Browser.StartAsync();
        await service.ReportAsync(await service.StartAsync(service.Request(
            """{"zones": {"us-west4-a": {"refuse": "LOCATION_POLICY_VIOLATED"}}}""", steps: 4)));
        await browser.PreferAsync("light", "ko", 1200);
        await browser.OpenAsync(At("/#/zones"), "document.querySelector('[id^=forget-refusal-]')");
        await browser.RunAsync("document.querySelector('[id^=forget-refusal-]').focus()");
        var button = await browser.TextAsync("document.activeElement.id");
        await browser.RunAsync("document.activeElement.click()");
        await browser.UntilAsync("document.activeElement.id === 'why'");
        await browser.UntilAsync(
            "document.querySelector('dialog h2').innerText.startsWith('잊기: us-west4-a v5litepod-8 ')");
        await browser.PressAsync("Escape");
        await browser.UntilAsync($"document.activeElement.id === '{button}' && !document.querySelector('dialog')");

        await browser.RunAsync("document.activeElement.click()");
        await browser.RunAsync("document.getElementById('yes').click()");
        await browser.UntilAsync("document.querySelector('dialog[open] :invalid')");
        await browser.RunAsync("document.getElementById('why').value = 'access was granted'");
        await browser.RunAsync("document.getElementById('yes').click()");
        await browser.UntilAsync("document.body.innerText.includes('기억에서 지운 위치: ')");
        await browser.UntilAsync("!document.querySelector('[id^=forget-refusal-]')");

        await using var file = new FileStream(
            Path.Combine(service.Settings.StateDirectory, "service.log"), FileMode.Open, FileAccess.Read,
            FileShare.ReadWrite);
        using var log = new StreamReader(file);
        Assert.Contains(
            "DELETE /zones/us-west4-a: 200  (access was granted)",
            await log.ReadToEndAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    /// <summary>Whoever may read sees what is left over, without a look of the own: the service has looked.</summary>
    [Fact]
    public async Task LeftOverNode_IsRedAndAnotherServicesIsNot()
    {
        await LeaveAsync("unproved", null);
        await LeaveAsync("other", "0123456789abcdef");
        using var content = new StringContent("");
        using var swept = await service.Http.PostAsync("/sweep", content, TestContext.Current.CancellationToken);
        Assert.True(swept.IsSuccessStatusCode);
        await using var browser = await Browser.StartAsync();
        await browser.PreferAsync("light", "en", 1200);

        await browser.OpenAsync(At("/#/zones"), "document.body?.innerText.includes('wf-unproved-1')");

        Assert.Contains("Left over: not proved", await RowAsync("wf-unproved-1", ""), StringComparison.Ordinal);
        Assert.Contains("Left over: not proved", await RowAsync("wf-unproved-1", ".failed"), StringComparison.Ordinal);
        Assert.Contains("another service (", await RowAsync("wf-other-1", ""), StringComparison.Ordinal);
        Assert.Equal("", await RowAsync("wf-other-1", ".failed"));
        Assert.Contains("Last look into the cloud", await browser.TextAsync("document.body.innerText"),
            StringComparison.Ordinal);

        async Task LeaveAsync(string run, string? owner)
        {
            const string Project = "rehearsal-left", Place = $"projects/{Project}/locations/us-west4-a";
            service.Services.GetRequiredService<ITpuEmulator>().Prepare(Project, """{"createSeconds": 3600}""");
            var cloud = await service.Services.GetRequiredService<ITpuCloud>()
                .ConnectAsync(Project, isRehearsal: true, TestContext.Current.CancellationToken);
            var node = new Node
            {
                AcceleratorType = "v5litepod-8",
                RuntimeVersion = "v2-alpha-tpuv5-lite",
                Labels = { [NodeLabels.Run] = run },
            };
            if (owner is not null)
            {
                node.Labels[NodeLabels.Service] = owner;
            }

            await cloud.Tpu.CreateNodeAsync(
                new CreateNodeRequest { Parent = Place, NodeId = $"wf-{run}-1", Node = node });
        }

        Task<string> RowAsync(string node, string selector) => browser.TextAsync(
            $"[...[...document.querySelectorAll('tr')].find((row) => row.innerText.includes('{node}'))"
            + $".querySelectorAll('td{selector}')].map((cell) => cell.innerText).join(' ')");
    }

    /// <summary>The page takes its stream up again by itself, from the last event that it has.</summary>
    [Fact]
    public async Task Run_WhenTheServiceIsAwayForAWhile_GoesOnWithoutAReload()
    {
        await using var browser = await Browser.StartAsync();
        var id = await service.StartAsync(service.Request(steps: 100_000));
        await service.WaitAsync(id, run => run.GetProperty("stage").GetString() == "train");
        await browser.PreferAsync("light", "en", 1200);
        await browser.OpenAsync(At($"/#/runs/{id}"), "document.querySelector('.badge.running')");
        await browser.UntilAsync("document.querySelector('ul.events li')");
        await browser.RunAsync("window.isTheSamePage = true");
        var port = service.Http.BaseAddress!.Port;

        await service.RestartAsync(
            settings => settings.HttpPort = port,
            () => browser.UntilAsync(
                "document.getElementById('link').innerText === 'The service does not answer; trying again.'"));

        await browser.UntilAsync("document.getElementById('link').hidden");
        using var cancel = await service.Http.PostAsync(
            $"/runs/{id}/cancel", null, TestContext.Current.CancellationToken);
        await service.ReportAsync(id);
        await browser.UntilAsync("document.querySelector('.badge.cancelled') && document.getElementById('rerun')");
        Assert.Equal("true", await browser.TextAsync("window.isTheSamePage"));

        // Every event once, in its order: those from before the break, and those after it.
        Assert.Equal("true", await browser.TextAsync($$"""
            fetch('/runs/{{id}}/events').then((each) => each.json()).then((all) => {
              const times = [...document.querySelectorAll('ul.events time')].map((each) => each.dateTime).reverse();
              return JSON.stringify(times) === JSON.stringify(all.map((each) => each.at));
            })
            """));
    }

    /// <summary>Codes, sets and the service's own words are Korean on a Korean page; those of people and of the cloud
    /// are shown as they came, and the cloud's are marked as English.</summary>
    [Fact]
    public async Task Events_OnAKoreanPage_AreKoreanExceptForTheWordsOfOthers()
    {
        await using var browser = await Browser.StartAsync();
        await browser.PreferAsync("light", "ko", 1200);
        await browser.OpenAsync(At("/#/start"), "document.getElementById('request')");
        foreach (var (kind, data, expected, english) in new[]
        {
            ("switched", """{"reason": "too-many-losses"}""", "주문형으로 전환 · k · 스팟 노드를 너무 많이 잃음", ""),
            ("loss", """{"zone": "us-west4-a", "cause": "WORKER_SILENT"}""",
                "TPU 손실 · k · us-west4-a · 워커의 응답 없음", ""),
            ("loss", """{"zone": "z", "cause": "SOMETHING_NEW"}""", "TPU 손실 · k · z · SOMETHING_NEW", "SOMETHING_NEW"),
            ("suspended", """{"reason": "asked for by the API"}""", "일시중지됨 · k · API 요청", ""),
            ("suspended", """{"reason": "lunch <b> (by laptop)"}""",
                "일시중지됨 · k · lunch <b> (요청한 사람: laptop)", ""),
            ("attempt", """{"outcome": "refused", "refusal": {"code": "OUT_OF_CAPACITY", "reason": "No more."}}""",
                "시도 · k · 거부됨 · OUT_OF_CAPACITY · "
                    + "지금은 용량이 없습니다. 다음 영역을 시도하고 나중에 다시 요청합니다.", ""),
            ("job-ended", """{"end": {"succeeded": false, "code": "CODE_OF_TOMORROW", "message": "Out of words."}}""",
                "작업 종료 · k · CODE_OF_TOMORROW · Out of words.", "Out of words."),
            ("move-given-up", """{"move": {"reason": "back-to-spot"}, "why": "DEADLINE_NEAR"}""",
                "이동 포기 · k · 스팟으로 복귀 · DEADLINE_NEAR", ""),
            ("end", """{"status": "failed", "failure": {"code": "QUEUE_TIMEOUT", "message": "x"}}""",
                "종료 · k · 실패 · QUEUE_TIMEOUT · "
                    + "대기열 요청이 제때 용량을 받지 못했습니다. 다음 위치에 요청합니다.", ""),
            ("ready", """{"state": "READY"}""", "노드 준비됨 · k · READY", "READY"),
            ("asking", """{"state": "asking"}""", "요청 전송 · k", ""),
            ("of-tomorrow", "null", "of-tomorrow · k", ""),
        })
        {
            Assert.Equal($"{expected}|{english}", await browser.TextAsync($$"""
                Promise.all([import('/dashboard/events.js'), import('/dashboard/dom.js')]).then(([events, { el }]) => {
                  const line = el('li', {}, events.sayEvent({ kind: '{{kind}}', key: 'k', data: {{data}} }));
                  const english = [...line.querySelectorAll('[lang=en]')].map((each) => each.textContent);
                  return `${line.textContent}|${english.join()}`;
                })
                """));
        }

        Assert.Equal("변형 3개 중 1개 완료, 진행 중: a, b", await browser.TextAsync(
            "import('/dashboard/text.js').then(({ describe }) => "
            + "describe('1 of 3 variants done; under way: a, b'))"));
    }

    /// <summary>An output is compared word by word with its reference; what is not the reference's is
    /// marked.</summary>
    [Fact]
    public async Task Words_ThatAreNotTheReferences_AreMarked()
    {
        await using var browser = await Browser.StartAsync();
        await browser.OpenAsync(At("/#/start"), "document.getElementById('request')");
        foreach (var (reference, output, expected) in new[]
        {
            ("I take bus number 3.", "i take Bus number 3", ""),
            ("I take bus number 3.", "I took the bus number 4.", "took the|4."),
            ("나는 3번 버스를 탑니다.", "나는 버스를 3번 탑니다.", "3번"),
            ("a", "<img src=x onerror=alert(1)> a", "<img src=x onerror=alert(1)>"),
            ("", "", ""),
        })
        {
            Assert.Equal(expected, await browser.TextAsync($$"""
                import('/dashboard/words.js').then(({ marked }) =>
                  marked({{JsonSerializer.Serialize(reference)}}, {{JsonSerializer.Serialize(output)}})
                    .filter((each) => each.nodeName === 'MARK').map((each) => each.textContent).join('|'))
                """));
        }
    }

    /// <summary>A reader of Korean has the reason in Korean first; the service's message, which has the figures, and
    /// its fix follow as the English that they are.</summary>
    [Fact]
    public async Task Failure_OnAKoreanPage_IsExplainedAndItsEnglishIsLabelled()
    {
        await using var browser = await Browser.StartAsync();
        var request = service.Request("""{"apiDisabled": true}""", steps: 4);
        request["id"] = "closed";
        await service.ReportAsync(await service.StartAsync(request));
        await browser.PreferAsync("light", "ko", 1200);
        await browser.OpenAsync(At("/#/runs/closed"), "document.querySelector('section.alert b')");

        var alert = (await browser.TextAsync("document.querySelector('section.alert').innerText"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Matches("^[A-Z_]+ [가-힣 ]", alert[1]);
        Assert.StartsWith($"{FaultWords.KoreanMessage} ", alert[2], StringComparison.Ordinal);
        Assert.StartsWith($"{FaultWords.KoreanFix} ", alert[3], StringComparison.Ordinal);
        Assert.Equal("2", await browser.TextAsync("document.querySelectorAll('section.alert span[lang=en]').length"));
        await browser.KeepPictureAsync("failure-ko");

        // The same of a request that is refused, and of a call.
        await browser.OpenAsync(At("/#/start"), "document.getElementById('request')");
        await browser.RunAsync("document.getElementById('request').value = '{}'");
        await browser.RunAsync("document.getElementById('go').click()");
        await browser.UntilAsync("document.querySelector('section.alert p b')");
        Assert.Equal(
            FaultWords.KoreanMessage, (await browser.TextAsync("document.querySelector('section.alert b').innerText"))
                .Trim());
        await browser.OpenAsync(At("/#/runs/nobody"), "document.querySelector('p[role=alert] span[lang=en]')");
        Assert.Equal(
            $"{FaultWords.KoreanMessage} There is no run 'nobody'.",
            await browser.TextAsync("document.querySelector('p[role=alert]').innerText"));
    }

    private Uri At(string path) => new(service.Http.BaseAddress!, path);
}
