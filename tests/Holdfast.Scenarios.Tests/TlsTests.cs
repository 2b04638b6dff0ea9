namespace Holdfast.Scenarios.Tests;

/// <summary>The service speaks https itself, with certificates that change while it runs; and metrics are not for everybody.</summary>
public sealed class TlsTests : Scenario
{
    [Fact]
    public async Task The_service_speaks_https_and_takes_up_a_renewed_certificate_without_a_restart()
    {
        var data = Directory.CreateDirectory(Path.Combine(Root, "secure")).FullName;
        var authority = Path.Combine(Root, "authority.pem");
        Shell($"cd '{Root}' && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout authority.key -out authority.pem -subj '/CN=Test authority' -days 2 "
            + "&& openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout between.key -out between.csr -subj '/CN=Between' -addext basicConstraints=critical,CA:TRUE "
            + "&& openssl x509 -req -in between.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -copy_extensions copy -out between.pem");
        MakeCertificate(data, "first");
        await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), """{ "tls": { "certificate": "tls.pem", "key": "tls.key" } }""", Cancellation);
        await using var service = await Service.StartAsync(data, "https://127.0.0.1:0", Cancellation);
        var code = await service.NewAccountAsync("account", Cancellation);
        var untrusting = await new ClientComputer(Path.Combine(Root, "untrusting")).RunAsync(Cancellation, "enrol", service.Url, code);
        Assert.NotEqual(0, untrusting.ExitCode);

        // What vouches for the certificate comes with it: the computer knows the last authority only.
        var computer = new ClientComputer(Path.Combine(Root, "one"));
        computer.Environment["SSL_CERT_FILE"] = authority;
        await computer.MustAsync(Cancellation, "enrol", service.Url, code);
        var tree = MakeTree("tree", files: 10);
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);

        // Half a renewal changes nothing; a whole one is taken up.
        Assert.Equal("subject=CN=first", Shown(service.Url));
        await File.WriteAllTextAsync(Path.Combine(data, "tls.pem"), "-----BEGIN CERTIFICATE-----\n", Cancellation);
        await Task.Delay(TimeSpan.FromSeconds(6), Cancellation);
        Assert.Equal("subject=CN=first", Shown(service.Url));
        MakeCertificate(data, "second");
        await Task.Delay(TimeSpan.FromSeconds(6), Cancellation);
        Assert.Equal("subject=CN=second", Shown(service.Url));
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        Assert.Equal(0, (await service.OperateAsync(["pod", "verify"], Cancellation)).ExitCode);
    }

    [Fact]
    public async Task Https_without_a_certificate_or_with_one_that_is_none_is_refused()
    {
        var data = Directory.CreateDirectory(Path.Combine(Root, "insecure")).FullName;
        async Task RefusesAsync(string said)
        {
            var refused = await Programs.RunAsync(Programs.Holdfastd, ["run", "--data", data, "--listen", "https://127.0.0.1:0"], new Dictionary<string, string>(), Cancellation);
            Assert.Equal(2, refused.ExitCode);
            Assert.Contains(said, refused.Error, StringComparison.Ordinal);
        }

        await RefusesAsync("needs a certificate");
        await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), """{ "tls": { "certificate": "gone.pem", "key": "gone.key" } }""", Cancellation);
        await RefusesAsync("gone.pem");
    }

    [Fact]
    public async Task Metrics_are_for_who_has_the_token()
    {
        var computer = await EnrolAsync("one", "account");
        await computer.MustAsync(Cancellation, "backup", MakeTree("tree", files: 5));
        using var http = new HttpClient { BaseAddress = new Uri(Service.Url) };
        foreach (var path in new[] { "/metrics", "/METRICS", "/metrics/" })
        {
            using var refused = await http.GetAsync(path, Cancellation);
            Assert.Equal(System.Net.HttpStatusCode.Unauthorized, refused.StatusCode);
        }

        http.DefaultRequestHeaders.Authorization = new("Bearer", (await File.ReadAllTextAsync(Path.Combine(Service.Data, "metrics-token"), Cancellation)).Trim());
        var metrics = await http.GetStringAsync("/metrics", Cancellation);
        foreach (var line in new[] { "holdfast_commits_total{", "holdfast_sessions_total{", "holdfast_pod_drives{", "holdfast_pod_bytes{", "http_server_request_duration_seconds_bucket{", "dotnet_gc_collections_total{" })
        {
            Assert.Contains(line, metrics, StringComparison.Ordinal);
        }

        // What the dashboard shows is there: all but what needs a restore or a job, which have not been.
        var dashboard = await File.ReadAllTextAsync(Path.Combine(Programs.Root, "docs", "operations", "dashboard.json"), Cancellation);
        foreach (var name in System.Text.RegularExpressions.Regex.Matches(dashboard, @"\b(holdfast|http|dotnet|kestrel)_[a-z_]+\b").Select(match => match.Value).Distinct()
            .Where(name => name is not ("holdfast_job_runs_total" or "holdfast_read_grants_total" or "http_route" or "http_response_status_code")))
        {
            Assert.Contains($"\n{name}", metrics, StringComparison.Ordinal);
        }
    }

    private void MakeCertificate(string data, string name) => Shell($"""
        cd '{Root}' && openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout '{data}/tls.key' -out request.pem -subj '/CN={name}' -addext 'subjectAltName=IP:127.0.0.1'
        openssl x509 -req -in request.pem -CA between.pem -CAkey between.key -CAcreateserial -days 1 -copy_extensions copy -out leaf.pem
        cat leaf.pem between.pem > '{data}/tls.pem'
        """);

    /// <summary>The subject that a new connection is shown.</summary>
    private static string Shown(string url) => Shell($"echo | openssl s_client -connect {new Uri(url).Authority} 2>/dev/null | openssl x509 -noout -subject").Trim().Replace(" ", "", StringComparison.Ordinal);
}
