mod regressions {
    mod back;
    mod crash;
    mod gates;
    mod kit;
    mod midway;
    mod proof;
    mod scale;
    mod stable;
    mod stuck;
    mod traffic;
}
