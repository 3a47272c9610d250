//! What the operator needs to begin, and what it may not do.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use k8s_openapi::api::core::v1::Secret;
use kube::api::{ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use tokio::time::sleep;

use crate::ground::{Ground, PATIENCE, Plan, condition, play, scenes, until};
use crate::stage::world::{NAMESPACE, OPERATOR_ACCOUNT, OPERATOR_NAMESPACE};

const CRD: &str = include_str!("../../crds/migrationplans.yaml");

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_has_few_rights_and_patience() -> Result<()> {
    let mut ground = Ground::start().await?;
    let scenes = scenes![
        its_account_may_do_what_it_needs_and_nothing_else,
        without_its_crd_it_waits_and_says_what_to_do,
    ];
    play(&mut ground, scenes).await
}

async fn as_operator(ground: &Ground) -> Result<Client> {
    let path = ground.world.cluster.operator_kubeconfig(OPERATOR_NAMESPACE, OPERATOR_ACCOUNT).await?;
    let config = Kubeconfig::read_from(path)?;
    let config = Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

/// `verb group/resource namespace/name`, with `*` for all; what it may do.
const MAY: [&str; 9] = [
    "list crossfade.dev/migrationplans */*",
    "watch crossfade.dev/migrationplans */*",
    // For its finalizer, which the deletion of a namespace waits for.
    "patch crossfade.dev/migrationplans mail/mail",
    "patch crossfade.dev/migrationplans/status mail/mail",
    "create events.k8s.io/events mail/*",
    "get coordination.k8s.io/leases crossfade-system/crossfade",
    "update coordination.k8s.io/leases crossfade-system/crossfade",
    "create coordination.k8s.io/leases crossfade-system/*",
    // By the Role that `crossfade rbac` printed for the plan.
    "get /secrets mail/accounts-db-monitor",
];

/// ... and what not.
const MAY_NOT: [&str; 21] = [
    "list /secrets */*",
    "list /secrets mail/*",
    "watch /secrets mail/*",
    "get /secrets mail/another",
    "get /secrets crossfade-system/accounts-db-monitor",
    "update /secrets mail/accounts-db-monitor",
    "get /configmaps mail/*",
    "list /pods */*",
    "create /pods mail/*",
    "create /pods/exec mail/*",
    "patch apps/deployments mail/mail",
    "patch apps/deployments/scale mail/mail",
    "create crossfade.dev/migrationplans mail/*",
    "update crossfade.dev/migrationplans mail/mail",
    "delete crossfade.dev/migrationplans mail/mail",
    "get coordination.k8s.io/leases kube-system/crossfade",
    "update coordination.k8s.io/leases crossfade-system/another",
    "delete coordination.k8s.io/leases crossfade-system/crossfade",
    "create rbac.authorization.k8s.io/rolebindings mail/*",
    "patch apiextensions.k8s.io/customresourcedefinitions */*",
    "impersonate /users */*",
];

async fn may(client: &Client, what: &str) -> Result<bool> {
    let [verb, resource, place] = what.split(' ').collect::<Vec<_>>()[..] else {
        anyhow::bail!("{what:?} is not three words");
    };
    let (group, resource) = resource.split_once('/').context("no group")?;
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let (namespace, name) = place.split_once('/').context("no name")?;
    let set = |word: &str| (word != "*" && !word.is_empty()).then(|| word.to_owned());
    let attributes = ResourceAttributes {
        verb: set(verb),
        group: Some(group.to_owned()),
        resource: set(resource),
        subresource: set(subresource),
        namespace: set(namespace),
        name: set(name),
        ..ResourceAttributes::default()
    };
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = reviews.create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

async fn its_account_may_do_what_it_needs_and_nothing_else(ground: &mut Ground) -> Result<()> {
    ground.begin(10, &Plan::at(10.0, &ground.one())).await?;
    let client = as_operator(ground).await?;
    let mut wrong = Vec::new();
    for (all, expected) in [(&MAY[..], true), (&MAY_NOT[..], false)] {
        for what in all {
            if may(&client, what).await? != expected {
                wrong.push(format!("{what}: {}", !expected));
            }
        }
    }
    ensure!(wrong.is_empty(), "{wrong:#?}");
    // Not only by its word.
    for secrets in [Api::<Secret>::all(client.clone()), Api::namespaced(client, NAMESPACE)] {
        let refused = secrets.list(&ListParams::default()).await;
        ensure!(
            matches!(&refused, Err(kube::Error::Api(status)) if status.code == 403),
            "listing secrets was answered with {refused:?}"
        );
    }
    Ok(())
}

async fn without_its_crd_it_waits_and_says_what_to_do(ground: &mut Ground) -> Result<()> {
    ground.clean(10).await?;
    ground.operator().stop().await?;
    ground.world.cluster.kubectl(["delete", "crd", "migrationplans.crossfade.dev"]).await?;
    ground.operator().restart()?;
    let operator = &ground.world.operators[0];
    until("it says what it waits for", PATIENCE, async || {
        let (status, page) = operator.page("/ready").await?;
        Ok(status == 503 && page.contains("crossfade crd | kubectl apply"))
    })
    .await?;
    sleep(Duration::from_secs(3)).await;
    ground.operator().check()?;
    let (live, _) = ground.operator().page("/live").await?;
    ensure!(live == 200, "/live was answered with {live}");
    ground.world.cluster.apply(CRD).await?;
    ground.operator().ready().await?;
    // The API server serves a new kind a moment after it has it.
    let plan = Plan::at(10.0, &ground.one());
    until("the plan can be applied", PATIENCE, async || ground.apply(&plan).await.map(|()| true)).await?;
    ground
        .until("the plan is adopted", PATIENCE, |status| {
            condition(status, "Accepted")["status"] == "True" && status["weight"]["intended"].is_number()
        })
        .await?;
    Ok(())
}
